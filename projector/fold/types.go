package fold

import "sync"

// typeNumbers numbers the types of events.
type typeNumbers struct {
	mu      sync.RWMutex
	numbers map[string]uint16
	names   []string
}

func newTypes() *typeNumbers {
	return &typeNumbers{numbers: map[string]uint16{"": 0}, names: []string{""}}
}

// numberOf of a type; ok is false if there are too many to be types.
func (t *typeNumbers) numberOf(name []byte) (n uint16, ok bool) {
	t.mu.RLock()
	n, ok = t.numbers[string(name)]
	t.mu.RUnlock()
	if ok {
		return n, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok = t.numbers[string(name)]; ok {
		return n, true
	}
	if len(t.names) == 1<<16 {
		return 0, false
	}
	n = uint16(len(t.names))
	s := string(name)
	t.names = append(t.names, s)
	t.numbers[s] = n
	return n, true
}

// all is the names so far, by number.
func (t *typeNumbers) all() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.names
}
