package projector

import (
	"context"
	"fmt"

	"humpty/internal/crashpoint"
	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/projector/pace"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// catcher reads marked documents again and writes them, round by round.
//
// Every document has one lane, by the hash of its id, and a lane does one portion at a
// time: version, read, write, settle. So a document never has two writers, and the later
// version has always seen what the earlier one saw.
type catcher struct {
	store  *checkpoint.Store
	view   sources.Expander
	index  sinks.Index
	base   int64
	rules  rules
	ledger *ledger.Book
	rate   *pace.Limiter    // nil: none
	pace   *pace.Controller // nil: as many requests at once as there are lanes

	did      func(report.Round) // told of each round that had something to do; may be nil
	handover *handover          // nil: nobody else writes to the index
}

const (
	marksAtOnce = 10_000 // taken from the store
	idsAtOnce   = 500    // looked up by one statement
	laneCount   = 4
)

// round takes every mark that is due now once.
func (c *catcher) round(ctx context.Context) (report.Round, error) {
	var done report.Round
	cut := c.store.BeginRound()
	for after := (*sources.DirtyKey)(nil); ; {
		due, err := c.store.Due(after, marksAtOnce)
		if err != nil || len(due) == 0 {
			if c.did != nil && done.Marks > 0 {
				c.did(done)
			}
			return done, err
		}
		done.Marks += len(due)
		if err := c.reread(ctx, due, cut, &done); err != nil {
			return done, err
		}
		after = &due[len(due)-1]
	}
}

// reread brings the documents that the marks concern up to date: first those that are
// marked themselves, then those that marks of includes and whole tables expand to.
func (c *catcher) reread(ctx context.Context, due []sources.DirtyKey, cut uint64, done *report.Round) error {
	var roots, wide []sources.DirtyKey
	for _, m := range due {
		if m.Node == "" && !m.All {
			roots = append(roots, m)
		} else {
			wide = append(wide, m)
		}
	}
	if err := c.rereadRoots(ctx, roots, cut, done); err != nil {
		return err
	}
	if len(wide) == 0 {
		return nil
	}
	return c.rereadWide(ctx, wide, cut, done)
}

func (c *catcher) rereadRoots(ctx context.Context, roots []sources.DirtyKey, cut uint64, done *report.Round) error {
	l := c.lanes(ctx)
	for i := range roots {
		l.add([]byte(roots[i].Key), &roots[i])
	}
	settled, err := l.wait(done)
	if err != nil {
		return err
	}
	for _, s := range settled {
		if err := c.settle(s.marks, cut, s.saw, done); err != nil {
			return err
		}
	}
	return nil
}

func (c *catcher) rereadWide(ctx context.Context, wide []sources.DirtyKey, cut uint64, done *report.Round) error {
	l := c.lanes(ctx)
	saw, err := c.view.Expand(ctx, wide, func(ids [][]byte) error {
		for _, id := range ids {
			l.add(id, nil)
		}
		return l.failed()
	})
	if err == nil && anyWholeRoot(wide) {
		_, err = c.index.Count(ctx) // refreshes: a scan finds only what a search would
	}
	if err == nil && anyWholeRoot(wide) {
		err = c.index.Scan(ctx, 0, 1, func(docs []sinks.Document) error {
			for i := range docs {
				l.add(docs[i].ID, nil)
			}
			return l.failed()
		})
	}
	if _, waitErr := l.wait(done); waitErr != nil {
		return waitErr
	}
	if err != nil {
		return fmt.Errorf("find the documents that %d marks concern: %w", len(wide), err)
	}
	return c.settle(wide, cut, saw, done)
}

func anyWholeRoot(marks []sources.DirtyKey) bool {
	for _, m := range marks {
		if m.Node == "" && m.All {
			return true
		}
	}
	return false
}

func (c *catcher) settle(due []sources.DirtyKey, cut uint64, saw sources.TxSnapshot, done *report.Round) error {
	if c.rules.settleBlind {
		cut = c.store.Sequence()
	}
	if c.rules.settleUnseen || c.rules.settleBlind {
		saw = sources.TxSnapshot{Min: ^uint64(0), Max: ^uint64(0)}
	}
	left, err := c.store.Settle(due, cut, saw)
	crashpoint.At("marks settled")
	done.Left += left
	return err
}
