// Package catchup brings a generation near to the present while the sources keep changing: it
// captures changes as dirty keys (Capture), reads the documents that they concern again and
// writes them, round by round (Rounds), up to a fence behind which everything is committed, and
// hands an index over to an application that never stops writing to it (Handover).
package catchup

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/crashpoint"
	"humpty/internal/protocol"
	"humpty/projector/checkpoint"
	"humpty/projector/flush"
	"humpty/projector/report"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// Rounds read marked documents again and writes them, round by round.
//
// Every document has one worker, by the hash of its id, and a worker does one keyBatch at a
// time: version, read, write, settle. So a document never has two writers, and the later
// version has always seen what the earlier one saw.
type Rounds struct {
	Store  *checkpoint.Store
	View   sources.Expander
	Flush  *flush.Queue  // what settling waits for; nil: for nothing
	Writer *write.Writer // its pace may be nil: as many requests at once as there are workers
	Role   sinks.WriterRole
	Rules  protocol.Rules // the zero value outside tests

	Refusals *checkpoint.Refusals // where it is kept which documents are refused; nil: nowhere

	Done      func(report.Round) // told of each round that had something to do; may be nil
	written   listener           // told of the documents that rounds wrote
	unflushed unflushed          // read, and not settled yet
	handover  *Handover          // nil: nobody else writes to the index
	doubts    doubts
}

// Workers is how many goroutines read and write what changed.
const Workers = 4

const (
	keysAtOnce = 10_000 // taken from the store
	idsAtOnce  = 500    // looked up by one statement
)

// HandedOver reports whether the application writes to the index, too.
func (r *Rounds) HandedOver() bool { return r.handover != nil }

// round takes every mark that is due now once.
func (r *Rounds) round(ctx context.Context) (report.Round, error) {
	var done report.Round
	if err := r.doubts.rotate(ctx, r); err != nil {
		return done, err
	}
	cut := r.Store.BeginRound()
	for after := (*sources.DirtyKey)(nil); ; {
		due, err := r.Store.Due(after, keysAtOnce, r.unflushed.has)
		if err != nil || len(due) == 0 {
			if r.Done != nil && done.Marks > 0 {
				r.Done(done)
			}
			return done, err
		}
		done.Marks += len(due)
		if err := r.reread(ctx, due, cut, &done); err != nil {
			return done, err
		}
		after = &due[len(due)-1]
	}
}

// reread brings the documents that the marks concern up to date: first those that are
// marked themselves, then those that marks of includes and whole tables expand to.
func (r *Rounds) reread(ctx context.Context, due []sources.DirtyKey, cut uint64, done *report.Round) error {
	var roots, wide []sources.DirtyKey
	for _, m := range due {
		if m.Node == "" && !m.All {
			roots = append(roots, m)
		} else {
			wide = append(wide, m)
		}
	}
	if err := r.rereadRoots(ctx, roots, cut, done); err != nil {
		return err
	}
	if len(wide) == 0 {
		return nil
	}
	return r.rereadWide(ctx, wide, cut, done)
}

func (r *Rounds) rereadRoots(ctx context.Context, roots []sources.DirtyKey, cut uint64, done *report.Round) error {
	l := r.Reread(ctx)
	for i := range roots {
		l.Add([]byte(roots[i].Key), &roots[i])
	}
	settled, err := l.Wait(done)
	if err != nil {
		return err
	}
	if settles, err := r.settles(ctx, l); err != nil || !settles {
		done.Left += len(roots)
		return err
	}
	for _, s := range settled {
		if err := r.settle(s.marks, cut, s.saw, done); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rounds) rereadWide(ctx context.Context, wide []sources.DirtyKey, cut uint64, done *report.Round) error {
	l := r.Reread(ctx)
	saw, err := r.View.Expand(ctx, wide, func(ids [][]byte) error {
		for _, id := range ids {
			l.Add(id, nil)
		}
		return l.Failed()
	})
	if err == nil && anyWholeRoot(wide) {
		_, err = r.Writer.Index.Count(ctx) // refreshes: a scan finds only what a search would
	}
	if err == nil && anyWholeRoot(wide) {
		err = r.Writer.Index.Scan(ctx, 0, 1, func(docs []sinks.Document) error {
			for i := range docs {
				l.Add(docs[i].ID, nil)
			}
			return l.Failed()
		})
	}
	if _, waitErr := l.Wait(done); waitErr != nil {
		return waitErr
	}
	if err != nil {
		return fmt.Errorf("find the documents that %d marks concern: %w", len(wide), err)
	}
	if settles, err := r.settles(ctx, l); err != nil || !settles {
		done.Left += len(wide)
		return err
	}
	return r.settle(wide, cut, saw, done)
}

// SettleDeletions changes the writer's name as often as deletions wait for it.
func (r *Rounds) SettleDeletions(ctx context.Context) error { return r.doubts.settle(ctx, r) }

// settles reports whether what was written may be settled: not if something was deleted and a
// primary may have forgotten that. The marks stay then until the writer's name is changed.
func (r *Rounds) settles(ctx context.Context, l *keyWorkers) (bool, error) {
	if l.deleted == 0 {
		return true, nil
	}
	return r.doubts.remembers(ctx, r)
}

func anyWholeRoot(marks []sources.DirtyKey) bool {
	for _, m := range marks {
		if m.Node == "" && m.All {
			return true
		}
	}
	return false
}

func (r *Rounds) settle(due []sources.DirtyKey, cut uint64, saw sources.TxSnapshot, done *report.Round) error {
	if r.Rules.SettlesBlind() {
		cut = r.Store.Sequence()
	}
	if r.Rules.SettlesUnseen() || r.Rules.SettlesBlind() {
		saw = sources.TxSnapshot{Min: ^uint64(0), Max: ^uint64(0)}
	}
	settle := func() (left int, err error) {
		left, err = r.Store.Settle(due, cut, saw)
		crashpoint.At("marks settled")
		return left, err
	}
	if !r.waitsForFlush() {
		left, err := settle()
		done.Left += left
		return err
	}
	seen, left, err := r.Store.Seen(due, cut, saw)
	if err != nil {
		return err
	}
	done.Left += left
	r.unflushed.add(seen)
	return r.Flush.Add(func() error {
		_, err := settle()
		r.unflushed.remove(seen)
		return err
	})
}

// lookup reads documents as they are now. One whose data the source cannot read is found by
// halves and becomes a record that is rejected: the others are read.
func (r *Rounds) lookup(ctx context.Context, ids [][]byte, batch *sources.Batch) error {
	err := r.View.Lookup(ctx, ids, batch)
	var fault *sources.DocumentError
	if !errors.As(err, &fault) {
		return err
	}
	saw := batch.Snapshot // the earliest: what it saw, the reads of the parts see
	batch.Reset()
	batch.Snapshot = saw
	if len(ids) == 1 {
		batch.Records = append(batch.Records, sources.Record{Key: batch.Hold(ids[0]), Reject: fault.Error()})
		return nil
	}
	for _, half := range [][][]byte{ids[:len(ids)/2], ids[len(ids)/2:]} {
		var part sources.Batch
		if err := r.lookup(ctx, half, &part); err != nil {
			return err
		}
		batch.Records = append(batch.Records, part.Records...)
		batch.Counts.Add(part.Counts)
	}
	return nil
}

// keepRefusals makes durable which documents are refused, before their marks are settled.
func (r *Rounds) keepRefusals() error {
	if r.Refusals == nil {
		return nil
	}
	return r.Refusals.Keep(r.Writer.Book.Refusals())
}

// retryRefused reads and writes again what is refused: the target's mapping may have changed,
// or another writer put the document right.
func (r *Rounds) retryRefused(ctx context.Context) error {
	refused := r.Writer.Book.Refusals().First(-1)
	if len(refused) == 0 {
		return nil
	}
	l := r.Reread(ctx)
	for _, one := range refused {
		l.Add([]byte(one.ID), nil)
	}
	_, err := l.Wait(&report.Round{})
	return err
}

// waitsForFlush reports whether the source may take back what it shows.
func (r *Rounds) waitsForFlush() bool { return r.Flush != nil && !r.Rules.SettlesUnflushed() }
