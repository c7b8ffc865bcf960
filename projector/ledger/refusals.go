package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"humpty/internal/canonjson"
	"humpty/internal/deadletter"
)

// Refusals are the documents that are refused now, by their source or by the target: each
// once, however often it was tried, until it is written, deleted or gone. They are safe for
// concurrent use. The nil Refusals are empty.
type Refusals struct {
	count atomic.Int64 // of now: asked for each document that is written

	mu      sync.Mutex
	now     map[string]Rejection
	changed map[string]*deadletter.Letter // since they were taken; with the letter of one that is new and has none yet
}

// RefusalChange is what became of one document since the changes were taken last.
type RefusalChange struct {
	Rejection
	Settled bool               // it is refused no more; only its id is there
	Letter  *deadletter.Letter // still to be written; nil for one that was refused before
}

// DocumentSum tells one body from another, whatever its spelling; "" for none.
func DocumentSum(body []byte) string {
	if body == nil {
		return ""
	}
	var form canonjson.Form
	if canonical, err := form.Of(body); err == nil {
		body = canonical
	}
	sum := xxh3.Hash128(body).Bytes()
	return fmt.Sprintf("%x", sum)
}

// NewRefusals are those that are known already.
func NewRefusals(known ...Rejection) *Refusals {
	r := &Refusals{}
	r.Load(known)
	return r
}

// Load replaces what is refused by what is known: nothing of it has changed.
func (r *Refusals) Load(known []Rejection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.changed = make(map[string]Rejection, len(known)), map[string]*deadletter.Letter{}
	for _, one := range known {
		r.now[one.ID] = one
	}
	r.count.Store(int64(len(r.now)))
}

// Len is how many documents are refused.
func (r *Refusals) Len() int64 {
	if r == nil {
		return 0
	}
	return r.count.Load()
}

// Of is the refusal of a document, if it is refused.
func (r *Refusals) Of(id []byte) (Rejection, bool) {
	if r.Len() == 0 {
		return Rejection{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	one, ok := r.now[string(id)]
	return one, ok
}

// First are up to n of them, in the order of their ids; all if n is negative.
func (r *Refusals) First(n int) []Rejection {
	if r.Len() == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.SortedFunc(maps.Values(r.now), func(a, b Rejection) int { return cmp.Compare(a.ID, b.ID) })
	if n >= 0 && len(all) > n {
		all = all[:n]
	}
	return all
}

// refuse books a refusal, and reports whether the document was not refused before. Its letter
// is part of the change if another is to write it.
func (r *Refusals) refuse(one Rejection, letter *deadletter.Letter) (isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, known := r.now[one.ID]
	if known && was == one {
		return false
	}
	if r.now == nil {
		r.now, r.changed = map[string]Rejection{}, map[string]*deadletter.Letter{}
	}
	if known {
		letter = r.changed[one.ID] // the first one, if it is not written yet
	}
	r.now[one.ID], r.changed[one.ID] = one, letter
	r.count.Store(int64(len(r.now)))
	return !known
}

// Settle books that a document is as its source has it.
func (r *Refusals) Settle(id []byte) {
	if r.Len() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, refused := r.now[string(id)]; !refused {
		return
	}
	delete(r.now, string(id))
	r.changed[string(id)] = nil
	r.count.Store(int64(len(r.now)))
}

// TakeChanges returns what has changed since it was called last.
func (r *Refusals) TakeChanges() (all []RefusalChange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, letter := range r.changed {
		one, refused := r.now[id]
		if !refused {
			one.ID = id
		}
		all = append(all, RefusalChange{Rejection: one, Settled: !refused, Letter: letter})
	}
	clear(r.changed)
	return all
}
