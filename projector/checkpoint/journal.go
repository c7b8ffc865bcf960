package checkpoint

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Run is what a run wrote down before it did anything: enough to go on with it.
type Run struct {
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
	Adopts     bool // it takes over a generation that was there, and fills none

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
	keptFound   = "compared"
	keptEnd     = "end"
	keptHistory = "history"
	keptCrash   = "crash"
	keptDone    = "done/" // and the partition
)

// Journal is what a run keeps of itself beside its marks, in one store with them.
// It is safe for concurrent use.
type Journal struct {
	store *Store

	Run       *Run
	Created   bool
	Found     *sinks.Verification // of a run that adopts: what differed, of which all is marked
	Ended     *End
	Done      map[string]PartitionDone
	history   History
	crash     SourceCrash
	lastHeard time.Time // when the last partition was written down

	mu      sync.Mutex
	writing time.Duration // spent in durable steps
}

// PartitionDone is what one partition added to the ledger. It is kept by gob: its fields keep
// their names.
type PartitionDone struct {
	Ledger     ledger.Ledger
	Rejections []ledger.Rejection
	At         time.Time
}

// ReadRun reads which run a store belongs to; nil for none.
func ReadRun(store *Store) (*Run, error) {
	j, err := ReadJournal(store)
	if err != nil || j.Run == nil {
		return nil, err
	}
	j.Run.Done, j.Run.Ended = len(j.Done), j.Ended
	return j.Run, nil
}

// ReadJournal reads what a run wrote down; one that has none begins an empty one.
func ReadJournal(store *Store) (*Journal, error) {
	j := &Journal{store: store, Done: map[string]PartitionDone{}}
	err := store.Kept(func(name string, value []byte) error {
		switch partition, isDone := strings.CutPrefix(name, keptDone); {
		case name == keptBegun:
			j.Run = new(Run)
			return unpack(value, j.Run)
		case name == keptCreated:
			j.Created = true
		case name == keptFound:
			j.Found = new(sinks.Verification)
			return unpack(value, j.Found)
		case name == keptEnd:
			j.Ended = new(End)
			return unpack(value, j.Ended)
		case name == keptHistory:
			return unpack(value, &j.history)
		case name == keptCrash:
			return unpack(value, &j.crash)
		case isDone:
			var s PartitionDone
			if err := unpack(value, &s); err != nil {
				return err
			}
			j.Done[partition] = s
			if s.At.After(j.lastHeard) {
				j.lastHeard = s.At
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

func (j *Journal) write(name string, value any) error {
	start := time.Now()
	var packed bytes.Buffer
	if err := gob.NewEncoder(&packed).Encode(value); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	err := j.store.Keep(name, packed.Bytes())
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writing += time.Since(start)
	return err
}

// PartitionDone is what writes down that a partition is done; nil for no journal.
func (j *Journal) PartitionDone() ledger.OnDone {
	if j == nil {
		return nil
	}
	return func(partition string, sum ledger.Ledger, rejections []ledger.Rejection) error {
		err := j.write(keptDone+partition, PartitionDone{Ledger: sum, Rejections: rejections, At: time.Now().UTC()})
		crashpoint.At("partition recorded")
		return err
	}
}

// Sums are the ledgers of the partitions that are done.
func (j *Journal) Sums() map[string]ledger.Ledger {
	if j == nil {
		return nil
	}
	all := make(map[string]ledger.Ledger, len(j.Done))
	for partition, portion := range j.Done {
		all[partition] = portion.Ledger
	}
	return all
}

// Undone are the partitions that are still to be read.
func (j *Journal) Undone(all []sources.Partition) []sources.Partition {
	if j == nil || len(j.Done) == 0 {
		return all
	}
	var rest []sources.Partition
	for _, p := range all {
		if _, ok := j.Done[p.ID]; !ok {
			rest = append(rest, p)
		}
	}
	return rest
}

// MarkFinished writes down that nothing goes on with the run any more.
func (j *Journal) MarkFinished(e End) error {
	if !j.Unfinished() {
		return nil
	}
	j.Ended = &e
	return j.write(keptEnd, e)
}

// Spent is how long the run waited for the journal.
func (j *Journal) Spent() time.Duration {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.writing
}

// Unfinished reports whether a run began that did not end for good.
func (j *Journal) Unfinished() bool { return j != nil && j.Run != nil && j.Ended == nil }

// Begin writes down what the run is, with this process as its first attempt.
func (j *Journal) Begin(b Run, began time.Time) error {
	j.Run = &b
	j.StartAttempt(began, false)
	if err := j.write(keptBegun, b); err != nil {
		return err
	}
	return j.store.Notices.PublishDefinition(b.Text)
}

// RecordCreated writes down that the index was made.
func (j *Journal) RecordCreated() error { return j.write(keptCreated, true) }

// RecordFound writes down that a run which adopts has compared everything, and what differed.
func (j *Journal) RecordFound(found sinks.Verification) error {
	j.Found = &found
	return j.write(keptFound, found)
}

// ErrNotBegun is for a store that a run never began to use.
var ErrNotBegun = errors.New("there is no run to go on with in this state folder")

// Refusal says why a run that has ended cannot be resumed.
func (e *End) Refusal(was *Run) error {
	text := fmt.Sprintf("run %s ended %s as %s", was.Run, e.At.Format(time.DateTime), e.Status)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	again := fmt.Sprintf("humpty rebuild %s --new", was.Projection)
	if was.Adopts {
		again = fmt.Sprintf("humpty follow %s --adopt", was.Projection)
	}
	return &problem.Refusal{Why: text + "; there is nothing to resume", Remedy: "start over: " + again}
}
