package catchup

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/internal/problem"
	"humpty/projector/report"
	"humpty/sources"
)

// keyWorkers spread documents over a few goroutines, each document always to the same one.
type keyWorkers struct {
	rounds  *Rounds
	ctx     context.Context //nolint:containedctx // of the one call that makes, fills and awaits the workers
	group   *errgroup.Group
	in      [Workers]chan keyBatch
	filling [Workers]keyBatch

	mu      sync.Mutex
	reread  int64
	deleted int64
	settled []settledKeys
}

// keyBatch is what a worker reads with one statement.
type keyBatch struct {
	ids      [][]byte
	keys     []sources.DirtyKey // those among them that are marked themselves
	unmarked [][]byte           // the others
}

// settledKeys are marks whose documents were written, and what the read of them saw.
type settledKeys struct {
	marks []sources.DirtyKey
	saw   sources.TxSnapshot
}

// Reread starts workers that bring documents up to date.
func (r *Rounds) Reread(ctx context.Context) *keyWorkers {
	l := &keyWorkers{rounds: r}
	l.group, l.ctx = errgroup.WithContext(ctx)
	for i := range l.in {
		l.in[i] = make(chan keyBatch, 1)
		l.group.Go(func() error {
			for p := range l.in[i] {
				if err := l.do(p); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return l
}

// Add hands a document to its worker; mark is the document's own, if it has one. The id is
// copied. Called from one goroutine.
func (l *keyWorkers) Add(id []byte, mark *sources.DirtyKey) {
	worker := int(xxh3.Hash(id) % Workers)
	p := &l.filling[worker]
	id = bytes.Clone(id)
	p.ids = append(p.ids, id)
	if mark != nil {
		p.keys = append(p.keys, *mark)
	} else {
		p.unmarked = append(p.unmarked, id)
	}
	if len(p.ids) >= idsAtOnce {
		l.send(worker)
	}
}

func (l *keyWorkers) send(worker int) {
	select {
	case l.in[worker] <- l.filling[worker]:
	case <-l.ctx.Done(): // the worker is gone, Wait says why
	}
	l.filling[worker] = keyBatch{}
}

// Failed returns why it makes no sense to add more, if so.
func (l *keyWorkers) Failed() error { return context.Cause(l.ctx) }

// Wait sends what is left and waits until everything has its verdict.
func (l *keyWorkers) Wait(done *report.Round) ([]settledKeys, error) {
	for worker := range l.in {
		if len(l.filling[worker].ids) > 0 {
			l.send(worker)
		}
		close(l.in[worker])
	}
	err := l.group.Wait()
	done.Reread += l.reread
	return l.settled, err
}

// do brings one keyBatch up to date. The version is taken before the read: whoever has the
// larger version has seen at least as much.
func (l *keyWorkers) do(p keyBatch) error {
	r := l.rounds
	if r.handover != nil {
		saw, err := r.handover.do(l.ctx, p.ids)
		if err == nil {
			l.done(p, saw)
		}
		return err
	}
	marks, cut, err := l.recordUnmarked(p)
	if err != nil {
		return err
	}
	saw, err := l.writeAll(p)
	if err == nil {
		l.done(p, saw)
		err = r.settle(marks, cut, saw, &report.Round{})
	}
	return err
}

// writeAll reads and writes a keyBatch until the index is as the source has it.
func (l *keyWorkers) writeAll(p keyBatch) (sources.TxSnapshot, error) {
	if l.rounds.Writer.ByRow {
		return l.writeByRow(p)
	}
	saw, newer, err := l.write(p)
	for tries := 0; err == nil && len(newer) > 0; tries++ {
		// The index holds a version of somebody else's, who writes onto what he finds and so
		// makes it one larger (a repair of what serves does). A few versions on we are past it.
		if tries == overtaken {
			return saw, &problem.Refusal{
				Why: fmt.Sprintf("%d documents of %s hold versions that are newer than humpty's own: somebody else writes to them, or repaired the generation meanwhile (first: %s)",
					len(newer), l.rounds.Writer.Book.Index(), newer[0]),
				Remedy: "let only humpty write to it, or use writer: handover; what is wrong now: humpty verify, humpty repair",
			}
		}
		_, newer, err = l.write(keyBatch{ids: newer})
	}
	return saw, err
}

// recordUnmarked marks the documents that are read though nothing of theirs is marked, such as
// those of a changed include: a row that the source takes back leads to its document no more.
// A handover remembers what it writes by itself.
func (l *keyWorkers) recordUnmarked(p keyBatch) (marks []sources.DirtyKey, cut uint64, err error) {
	if len(p.unmarked) == 0 || !l.rounds.waitsForFlush() {
		return nil, 0, nil
	}
	return l.rounds.Store.RecordRead(p.unmarked)
}

// overtaken is how many versions are tried on a document that holds a newer one.
const overtaken = 20

// write reads and writes a keyBatch, and returns the ids of documents that hold a newer version
// than the one given to them: they are not as the source has them.
func (l *keyWorkers) write(p keyBatch) (saw sources.TxSnapshot, newer [][]byte, err error) {
	r := l.rounds
	version, err := r.Store.Version()
	if err != nil {
		return saw, nil, err
	}
	if r.Rules.HasOneVersion() {
		version = 0
	}
	began, batch := time.Now(), sources.Batch{}
	if err := r.lookup(l.ctx, p.ids, &batch); err != nil {
		return saw, nil, err
	}
	if err := l.settleEarly(p, batch.Snapshot); err != nil {
		return saw, nil, err
	}
	written, err := r.Writer.Versioned(l.ctx, &batch, len(p.ids), version, began)
	if err != nil {
		return saw, nil, err
	}
	if err := r.keepRefusals(); err != nil {
		return saw, nil, err
	}
	if written.Unknown {
		r.doubts.add(p.ids)
	}
	deleted := deletedOf(&batch)
	l.countDeleted(len(deleted))
	return batch.Snapshot, written.Newer, r.doubts.postpone(r, deleted)
}

func (l *keyWorkers) countDeleted(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deleted += int64(n)
}

// settleEarly is what a rule forbids.
func (l *keyWorkers) settleEarly(p keyBatch, saw sources.TxSnapshot) error {
	if !l.rounds.Rules.SettlesEarly() {
		return nil
	}
	_, err := l.rounds.Store.Settle(p.keys, l.rounds.Store.Sequence(), saw)
	return err
}

func (l *keyWorkers) done(p keyBatch, saw sources.TxSnapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reread += int64(len(p.ids))
	l.rounds.written.tell(p.ids)
	l.settled = append(l.settled, settledKeys{marks: p.keys, saw: saw})
}
