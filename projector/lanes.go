package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// lanes spread documents over a few goroutines, each document always to the same one.
type lanes struct {
	catcher *catcher
	ctx     context.Context //nolint:containedctx // of the one call that makes, fills and awaits the lanes
	group   *errgroup.Group
	in      [laneCount]chan portion
	filling [laneCount]portion

	mu      sync.Mutex
	reread  int64
	settled []settled
}

// portion is what a lane reads with one statement.
type portion struct {
	ids   [][]byte
	marks []sources.DirtyKey // those among them that are marked themselves
}

// settled are marks whose documents were written, and what the read of them saw.
type settled struct {
	marks []sources.DirtyKey
	saw   sources.TxSnapshot
}

func (c *catcher) lanes(ctx context.Context) *lanes {
	l := &lanes{catcher: c}
	l.group, l.ctx = errgroup.WithContext(ctx)
	for i := range l.in {
		l.in[i] = make(chan portion, 1)
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

// add hands a document to its lane; mark is the document's own, if it has one. The id is
// copied. Called from one goroutine.
func (l *lanes) add(id []byte, mark *sources.DirtyKey) {
	lane := int(xxh3.Hash(id) % laneCount)
	p := &l.filling[lane]
	p.ids = append(p.ids, append([]byte(nil), id...))
	if mark != nil {
		p.marks = append(p.marks, *mark)
	}
	if len(p.ids) >= idsAtOnce {
		l.send(lane)
	}
}

func (l *lanes) send(lane int) {
	select {
	case l.in[lane] <- l.filling[lane]:
	case <-l.ctx.Done(): // the lane is gone, wait says why
	}
	l.filling[lane] = portion{}
}

// failed returns why it makes no sense to add more, if so.
func (l *lanes) failed() error { return context.Cause(l.ctx) }

// wait sends what is left and waits until everything has its verdict.
func (l *lanes) wait(done *report.Round) ([]settled, error) {
	for lane := range l.in {
		if len(l.filling[lane].ids) > 0 {
			l.send(lane)
		}
		close(l.in[lane])
	}
	err := l.group.Wait()
	done.Reread += l.reread
	return l.settled, err
}

// do brings one portion up to date. The version is taken before the read: whoever has the
// larger version has seen at least as much.
func (l *lanes) do(p portion) error {
	c := l.catcher
	if c.handover != nil {
		saw, err := c.handover.do(l.ctx, p.ids)
		if err == nil {
			l.done(p, saw)
		}
		return err
	}
	saw, newer, err := l.write(p)
	for tries := 0; err == nil && len(newer) > 0; tries++ {
		// The index holds a version of somebody else's, who writes onto what he finds and so
		// makes it one larger (a repair of what serves does). A few versions on we are past it.
		if tries == overtaken {
			return &problem.Refusal{
				Why: fmt.Sprintf("%d documents of %s hold versions that are newer than humpty's own: somebody else writes to them, or repaired the generation meanwhile (first: %s)",
					len(newer), c.ledger.Index(), newer[0]),
				Remedy: "let only humpty write to it, or use writer: handover; what is wrong now: humpty verify, humpty repair",
			}
		}
		_, newer, err = l.write(portion{ids: newer})
	}
	if err == nil {
		l.done(p, saw)
	}
	return err
}

// overtaken is how many versions are tried on a document that holds a newer one.
const overtaken = 20

// write reads and writes a portion, and returns the ids of documents that hold a newer version
// than the one given to them: they are not as the source has them.
func (l *lanes) write(p portion) (saw sources.TxSnapshot, newer [][]byte, err error) {
	c := l.catcher
	version, err := c.store.Version()
	if err != nil {
		return saw, nil, err
	}
	if c.rules.oneVersion {
		version = 0
	}
	began, batch := time.Now(), sources.Batch{}
	if err := c.view.Lookup(l.ctx, p.ids, &batch); err != nil {
		return saw, nil, err
	}
	if c.rules.settleEarly {
		if _, err := c.store.Settle(p.marks, c.store.Sequence(), batch.Snapshot); err != nil {
			return saw, nil, err
		}
	}
	docs := documents(nil, batch.Records, c.base+version)
	verdicts := make([]sinks.Verdict, len(docs))
	receipt, err := c.paced(l.ctx, docs, began, func() (sinks.Receipt, error) { return c.index.Write(l.ctx, docs, verdicts) })
	c.ledger.AddInput(sources.Counts{ // what was asked for: also what is gone is an answer
		Read: int64(len(p.ids)), Used: int64(len(batch.Records)), Rows: batch.Counts.Rows, Bytes: batch.Counts.Bytes,
	})
	c.ledger.AddVerdicts(docs, verdicts, receipt)
	c.ledger.AddRejected(batch.Records)
	if err == nil {
		err = decided(docs, verdicts)
	}
	if err != nil {
		return saw, nil, err
	}
	crashpoint.At("marks written")
	for i, v := range verdicts {
		if v.Outcome == sinks.Superseded && docs[i].Version == c.base+version {
			newer = append(newer, docs[i].ID)
		}
	}
	return batch.Snapshot, newer, nil
}

func (l *lanes) done(p portion, saw sources.TxSnapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reread += int64(len(p.ids))
	l.settled = append(l.settled, settled{marks: p.marks, saw: saw})
}

func decided(docs []sinks.Document, verdicts []sinks.Verdict) error {
	for i := range verdicts {
		if verdicts[i].Outcome == sinks.Undecided {
			return errors.New("document " + string(docs[i].ID) + " has no verdict: this is a defect of the target")
		}
	}
	return nil
}
