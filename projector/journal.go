package projector

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"humpty/internal/marks"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sources"
)

// Begun is what a run wrote down before it did anything: enough to go on with it.
type Begun struct {
	Run        string
	Projection string
	Alias      string
	Definition string // hash; a run goes on with the definition it began with
	Text       []byte // the definition
	Generation string
	Previous   string
	Started    time.Time
	Readers    int
	Rows       int64 // estimate
	Bytes      int64 // estimate
	Partitions []sources.Partition

	Done  int  // partitions that are done; not written down with the rest
	Ended *End // nil: it can be gone on with
}

// End is how a run ended for good.
type End struct {
	Status report.Status
	Reason string // why nothing can go on with it; empty if it did what it was for
	At     time.Time
}

// names of what a run keeps in its store.
const (
	keptBegun   = "begun"
	keptCreated = "created"
	keptEnd     = "end"
	keptHistory = "history"
	keptDone    = "done/" // and the partition
)

// journal is what a run keeps of itself beside its marks, in one store with them.
// It is safe for concurrent use.
type journal struct {
	store *marks.Store

	begun   *Begun
	created bool
	ended   *End
	done    map[string]portionDone
	history history
	heard   time.Time // when the last partition was written down

	mu     sync.Mutex
	inside time.Duration // spent in durable steps
}

// portionDone is what one partition added to the ledger.
type portionDone struct {
	Ledger     ledger.Ledger
	Rejections []ledger.Rejection
	At         time.Time
}

// BegunIn reads which run a store belongs to; nil for none.
func BegunIn(store *marks.Store) (*Begun, error) {
	j, err := readJournal(store)
	if err != nil || j.begun == nil {
		return nil, err
	}
	j.begun.Done, j.begun.Ended = len(j.done), j.ended
	return j.begun, nil
}

func readJournal(store *marks.Store) (*journal, error) {
	j := &journal{store: store, done: map[string]portionDone{}}
	err := store.Kept(func(name string, value []byte) error {
		switch partition, isDone := strings.CutPrefix(name, keptDone); {
		case name == keptBegun:
			j.begun = new(Begun)
			return unpack(value, j.begun)
		case name == keptCreated:
			j.created = true
		case name == keptEnd:
			j.ended = new(End)
			return unpack(value, j.ended)
		case name == keptHistory:
			return unpack(value, &j.history)
		case isDone:
			var s portionDone
			if err := unpack(value, &s); err != nil {
				return err
			}
			j.done[partition] = s
			if s.At.After(j.heard) {
				j.heard = s.At
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the run's journal: %w", err)
	}
	return j, nil
}

// unpack and keep use gob: bounds of partitions are bytes, which JSON would change.
func unpack(value []byte, into any) error { return gob.NewDecoder(bytes.NewReader(value)).Decode(into) }

func (j *journal) keep(name string, value any) error {
	start := time.Now()
	var packed bytes.Buffer
	if err := gob.NewEncoder(&packed).Encode(value); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	err := j.store.Keep(name, packed.Bytes())
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inside += time.Since(start)
	return err
}

// partitionDone is what writes down that a partition is done; nil for no journal.
func (j *journal) partitionDone() func(partition string, sum ledger.Ledger, rejections []ledger.Rejection) error {
	if j == nil {
		return nil
	}
	return func(partition string, sum ledger.Ledger, rejections []ledger.Rejection) error {
		return j.keep(keptDone+partition, portionDone{Ledger: sum, Rejections: rejections, At: time.Now().UTC()})
	}
}

// sums are the ledgers of the partitions that are done.
func (j *journal) sums() map[string]ledger.Ledger {
	if j == nil {
		return nil
	}
	all := make(map[string]ledger.Ledger, len(j.done))
	for partition, portion := range j.done {
		all[partition] = portion.Ledger
	}
	return all
}

// undone are the partitions that are still to be read.
func (j *journal) undone(all []sources.Partition) []sources.Partition {
	if j == nil || len(j.done) == 0 {
		return all
	}
	var rest []sources.Partition
	for _, p := range all {
		if _, ok := j.done[p.ID]; !ok {
			rest = append(rest, p)
		}
	}
	return rest
}

// end writes down that nothing goes on with the run any more.
func (j *journal) end(e End) error {
	if j == nil || j.begun == nil || j.ended != nil {
		return nil
	}
	j.ended = &e
	return j.keep(keptEnd, e)
}

// spent is how long the run waited for the journal.
func (j *journal) spent() time.Duration {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.inside
}

// errNotBegun is for a store that a run never began to use.
var errNotBegun = errors.New("there is no run to go on with in this state folder")
