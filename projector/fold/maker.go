package fold

import (
	"errors"
	"fmt"

	"humpty/projector/fold/spill"
	"humpty/sources"
)

// fate is what became of an event of a document.
type fate uint8

const (
	applied fate = iota
	filtered
	poisonous
)

// maker makes documents of their events, one at a time, for one goroutine.
type maker struct {
	fold     Fold
	inputs   []input
	types    *types
	poisoned func(e *spill.Entry, kind, reason string) error // told of each event that cannot be applied

	entries []spill.Entry // of the present document, in order
	fates   []fate        // of these
	event   Event
	names   []string // of types, as far as they were needed
}

// kind is the name of a type.
func (m *maker) kind(n uint16) string {
	if int(n) >= len(m.names) {
		m.names = m.types.known()
	}
	return m.names[n]
}

// make folds the entries, which are those of a key, and appends the record, if there is a
// document.
func (m *maker) make(key []byte, b *sources.Batch) (there bool, err error) {
	b.Counts.Read += int64(len(m.entries))
	var counts sources.Counts
	reject, err := m.apply(key, &counts)
	if err != nil {
		return false, fmt.Errorf("document %s: %w", key, err)
	}
	applied := int64(len(m.entries)) - counts.Poison - counts.Filtered
	b.Counts.Poison += counts.Poison
	b.Counts.Filtered += counts.Filtered
	if applied == 0 {
		return false, nil
	}
	start := len(b.Data)
	alive := true
	if reject == "" && len(key) > longestID {
		reject = fmt.Sprintf("its id has %d bytes, at most %d are allowed", len(key), longestID)
	}
	if reject == "" {
		var out []byte
		if out, alive, err = m.fold.Append(b.Data); err == nil {
			b.Data = out
		} else if reject, err = rejectedBy(err); err != nil {
			return false, fmt.Errorf("document %s: %w", key, err)
		}
	}
	if !alive && reject == "" {
		b.Data = b.Data[:start]
		b.Counts.Folded += applied
		return false, nil
	}
	b.Counts.Used++
	b.Counts.Folded += applied - 1
	record := sources.Record{Reject: reject}
	if reject == "" {
		record.Value = b.Data[start:len(b.Data):len(b.Data)]
	} else {
		b.Data = b.Data[:start]
	}
	record.Key = b.Hold(key)
	b.Records = append(b.Records, record)
	return true, nil
}

// rejectedBy is the reason of a Poison; another error stays one.
func rejectedBy(err error) (reason string, _ error) {
	var poison *Poison
	if errors.As(err, &poison) {
		return poison.Reason, nil
	}
	return "", err
}

// longestID is what Elasticsearch and OpenSearch take.
const longestID = 512

// dirtyRounds bounds how often a document is made again.
const dirtyRounds = 100

// apply folds the entries. What became poison is taken out of m.entries only to be left
// out when a document is made again; the counts have it.
func (m *maker) apply(key []byte, counts *sources.Counts) (reject string, err error) {
	skip := map[int]bool(nil)
	for round := 0; ; round++ {
		*counts = sources.Counts{Poison: int64(len(skip))}
		if err := m.fold.Begin(key, nil); err != nil {
			return "", err
		}
		dirty := -1
		m.fates = append(m.fates[:0], make([]fate, len(m.entries))...)
		for i := range m.entries {
			if skip[i] {
				m.fates[i] = poisonous
				continue
			}
			if dirty, err = m.step(i, counts); err != nil {
				return "", err
			}
			if dirty >= 0 {
				break
			}
		}
		switch {
		case dirty < 0:
			return "", nil
		case round == dirtyRounds:
			return fmt.Sprintf("more than %d of its events are poison", dirtyRounds), nil
		case skip == nil:
			skip = map[int]bool{}
		}
		skip[dirty] = true
	}
}

// step applies entry i, and returns it as dirty if the document has to be made again.
func (m *maker) step(i int, counts *sources.Counts) (dirty int, err error) {
	e := &m.entries[i]
	in := &m.inputs[e.Partition]
	m.event = Event{
		Topic: in.topic, Partition: in.number, Offset: e.Offset, Time: e.Time, Type: m.kind(e.Type),
		Key: e.Key, Value: e.Value, Deleted: e.Deleted,
	}
	err = m.fold.Apply(&m.event)
	if err == nil {
		return -1, nil
	}
	if errors.Is(err, ErrFiltered) {
		counts.Filtered++
		m.fates[i] = filtered
		return -1, nil
	}
	var poison *Poison
	if !errors.As(err, &poison) {
		return -1, fmt.Errorf("event of %s, partition %d, offset %d: %w", in.topic, in.number, e.Offset, err)
	}
	counts.Poison++
	m.fates[i] = poisonous
	if err := m.poisoned(e, m.event.Type, poison.Reason); err != nil {
		return -1, err
	}
	if poison.Dirty {
		return i, nil
	}
	return -1, nil
}
