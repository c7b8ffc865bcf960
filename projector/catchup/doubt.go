package catchup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"humpty/internal/crashpoint"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// rotateEvery is the shortest time between two changes of the writer's name.
const rotateEvery = time.Minute

// doubtsKept is how many documents are in doubt before all are: what is kept of them is bounded.
const doubtsKept = 100_000

// doubts are the documents of which an attempt may still land: one of their bulks had no
// answer, though it was sent again and had one then. A living document is protected by its
// version. A deletion is not, when the target has forgotten it: it is made at once, and once
// more behind the next change of the writer's name, when nothing sent before can land.
type doubts struct {
	mu        sync.Mutex
	ids       map[string]bool // since the last rotation
	all       bool            // too many: every document is in doubt
	postponed bool            // deletions wait in the store
	moved     bool            // a primary was moved or restarted since, and has forgotten deletions

	began     bool
	rotated   time.Time
	primaries string // then
	hurry     bool   // of tests: rotate whenever there is a reason
}

// add puts the documents of a bulk in doubt.
func (d *doubts) add(ids [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ids == nil {
		d.ids = map[string]bool{}
	}
	if d.all = d.all || len(d.ids)+len(ids) > doubtsKept; d.all {
		return
	}
	for _, id := range ids {
		d.ids[string(id)] = true
	}
}

// among are those of some documents that are in doubt.
func (d *doubts) among(ids [][]byte) (doubtful [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if d.all || d.ids[string(id)] {
			doubtful = append(doubtful, id)
		}
	}
	return doubtful
}

// due is how long it is until the writer's name is to be changed; never if nothing is in doubt.
func (d *doubts) due() (in time.Duration, ever bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.began {
		return 0, true
	}
	return time.Until(d.rotated.Add(d.every())), len(d.ids) > 0 || d.all || d.postponed || d.moved
}

func (d *doubts) every() time.Duration {
	if d.hurry {
		return 0
	}
	return rotateEvery
}

func (d *doubts) wait() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.postponed = true
}

// fenceOf is the index of rounds as something that tells writers apart; nil where writes end with their
// calls, or where the application writes too: a handover has an end rule of its own.
func fenceOf(r *Rounds) sinks.WriterFence {
	fence, ok := r.Writer.Index.(sinks.WriterFence)
	if !ok || r.handover != nil {
		return nil
	}
	return fence
}

// postpone notes those of some deletions that are in doubt. The caller settles their marks then.
func (d *doubts) postpone(r *Rounds, deleted [][]byte) error {
	doubtful := d.among(deleted)
	if len(doubtful) == 0 || r.Rules.SettlesUnknown() {
		return nil
	}
	d.wait()
	err := r.Store.Postponed.Add(doubtful)
	crashpoint.At("deletion postponed")
	return err
}

// remembers reports whether the primaries still know which documents were deleted since the
// writer's name was changed. Otherwise it has to be changed before a deletion is settled.
func (d *doubts) remembers(ctx context.Context, r *Rounds) (bool, error) {
	fence := fenceOf(r)
	if fence == nil || r.Rules.SettlesForgotten() {
		return true, nil
	}
	now, err := fence.Primaries(ctx)
	if err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved = d.moved || now != d.primaries
	return !d.moved, nil
}

// rotate changes the writer's name if that is due, and makes the deletions again that waited
// for it. It is called while nothing is being written.
func (d *doubts) rotate(ctx context.Context, r *Rounds) error {
	if fenceOf(r) == nil {
		return nil
	}
	in, ever := d.due()
	if !ever || in > 0 {
		return nil
	}
	return d.rotateNow(ctx, r)
}

// rotateNow does so at once. Who begins has a new name already.
func (d *doubts) rotateNow(ctx context.Context, r *Rounds) error {
	if d.began {
		if err := generation.BeginWriter(ctx, r.Writer.Index, r.Role); err != nil {
			return err
		}
	}
	now, err := fenceOf(r).Primaries(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.began, d.rotated, d.primaries = true, time.Now(), now
	d.ids, d.all, d.postponed, d.moved = nil, false, false, false
	d.mu.Unlock()
	return d.deleteAgain(ctx, r)
}

// deleteAgain brings the documents up to date whose deletion was postponed.
func (d *doubts) deleteAgain(ctx context.Context, r *Rounds) error {
	for {
		ids, err := r.Store.Postponed.Some(keysAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		l := r.Reread(ctx)
		for _, id := range ids {
			l.Add(id, nil)
		}
		if _, err := l.Wait(&report.Round{}); err != nil {
			return err
		}
		if err := r.Store.Postponed.Remove(ids); err != nil {
			return err
		}
		crashpoint.At("deletion made again")
		doubtful := d.among(ids)
		if len(doubtful) == 0 {
			continue
		}
		if err := r.Store.Postponed.Add(doubtful); err != nil { // no answer again: the next time
			return err
		}
		d.wait()
		return nil
	}
}

// settle changes the writer's name as often as deletions wait for it.
func (d *doubts) settle(ctx context.Context, r *Rounds) error {
	if fenceOf(r) == nil {
		return nil
	}
	for range passesAtEnd {
		ids, err := r.Store.Postponed.Some(1)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := d.rotateNow(ctx, r); err != nil {
			return err
		}
	}
	return fmt.Errorf("deletions are not settled after %d tries: each time a bulk request had no answer. Is a proxy in front of the target at its limits?", passesAtEnd)
}

// deletedOf are the ids of documents that are not in the source.
func deletedOf(batch *sources.Batch) (ids [][]byte) {
	for i := range batch.Records {
		if r := &batch.Records[i]; r.Deleted && r.Reject == "" {
			ids = append(ids, r.Key)
		}
	}
	return ids
}

// untilRotation is closed when the writer's name is to be changed; nil if it need not be.
func (d *doubts) untilRotation(r *Rounds) <-chan time.Time {
	if fenceOf(r) == nil {
		return nil
	}
	in, ever := d.due()
	if !ever {
		return nil
	}
	return time.After(in)
}
