package catchup

import (
	"maps"
	"sync"

	"humpty/sources"
)

// unflushed are marks whose documents were read and written, and which are settled when the
// source has flushed what the reads saw. Until then they are not due, unless something newer
// came; they stay in the store, so who begins again reads them again.
type unflushed struct {
	mu   sync.Mutex
	last map[sources.DirtyKey]uint64 // the sequence of the last change that was seen
}

// add notes marks that were read, with the sequences of their last changes.
func (u *unflushed) add(seen map[sources.DirtyKey]uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[sources.DirtyKey]uint64{}
	}
	maps.Copy(u.last, seen)
}

// has reports whether a mark was read up to a change.
func (u *unflushed) has(m sources.DirtyKey, last uint64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen, ok := u.last[m]
	return ok && seen >= last
}

// remove forgets marks that are settled, unless they were read again since.
func (u *unflushed) remove(seen map[sources.DirtyKey]uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for m, last := range seen {
		if u.last[m] == last {
			delete(u.last, m)
		}
	}
}
