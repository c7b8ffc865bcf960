package catchup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"humpty/internal/protocol"
	"humpty/internal/protocol/off"
	"humpty/projector/checkpoint"
	"humpty/projector/flush"
	"humpty/projector/ledger"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// chase is a live source being caught up with, for one test.
type chase struct {
	t       *testing.T
	live    *sourcetest.LiveSource
	target  *sinktest.MemoryTarget
	store   *checkpoint.Store
	capture *Capture
	rounds  *Rounds
	stop    func() error
}

func newChase(t *testing.T, r off.Rules) *chase {
	t.Helper()
	c := &chase{t: t, live: sourcetest.NewLiveSource(), target: &sinktest.MemoryTarget{Name: "orders"}}
	c.live.MayLose = true
	var err error
	if c.store, err = checkpoint.Open("marks", checkpoint.Options{FS: vfs.NewMem()}); err != nil {
		t.Fatal(err)
	}
	index, err := c.target.Create(t.Context(), sinks.Generation{Name: "orders-1"})
	if err != nil {
		t.Fatal(err)
	}
	view, err := c.live.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.rounds = &Rounds{Store: c.store, View: view.(sources.Expander), Writer: &write.Writer{Index: index, Base: 1 << 40, Book: ledger.NewBook(0, nil)}, Rules: protocol.Without(r)} //nolint:forcetypeassert // of the fake
	c.begin()
	t.Cleanup(func() {
		if err := errors.Join(c.stop(), c.store.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// begin starts the capture where the store's position is.
func (c *chase) begin() {
	c.t.Helper()
	position, err := c.store.Position()
	if err != nil {
		c.t.Fatal(err)
	}
	feed, err := c.live.Capture(c.t.Context(), "run", position)
	if err != nil {
		c.t.Fatal(err)
	}
	c.capture = NewCapture(feed, c.store)
	c.rounds.Flush, c.rounds.unflushed = flush.NewQueue(feed), unflushed{}
	ctx, cancel := context.WithCancel(c.t.Context())
	var group errgroup.Group
	group.Go(func() error { return c.capture.Run(ctx) })
	c.stop = func() error {
		cancel()
		if err := group.Wait(); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// crash takes back what the source has not flushed, and begins again.
func (c *chase) crash() {
	c.t.Helper()
	c.live.Crash()
	if err := c.stop(); err != nil {
		c.t.Fatal(err)
	}
	c.begin()
}

// recorded waits until everything committed so far is in the store.
func (c *chase) recorded() uint64 {
	c.t.Helper()
	seq, err := c.capture.Fence(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return seq
}

func (c *chase) round() {
	c.t.Helper()
	if _, err := c.rounds.round(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// finish catches up with everything, as before a swap.
func (c *chase) finish() {
	c.t.Helper()
	if err := c.rounds.CatchUpTo(c.t.Context(), c.capture); err != nil {
		c.t.Fatal(err)
	}
}

// equal compares the index with the rows.
func (c *chase) equal() bool {
	c.t.Helper()
	got := map[string]string{}
	err := c.rounds.Writer.Index.Scan(c.t.Context(), 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			got[string(d.ID)] = string(d.Body)
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return maps.Equal(got, c.live.Documents())
}

func put(id, group, value string) sourcetest.Change {
	return sourcetest.Change{ID: id, Row: &sourcetest.Row{Group: group, Value: value}}
}

// Each rule of the protocol has a history that goes wrong every time without it.
func TestEachRuleIsNeeded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		without off.Rules
		history func(*chase)
	}{
		"settling compares the mark with the round": {off.Rules{SettleBlind: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.recorded()
			var once sync.Once
			c.live.OnLookup = func([]string) {
				once.Do(func() {
					c.live.Commit(put("a", "g", "2"))
					c.recorded()
				})
			}
			c.round()
			c.finish()
		}},
		"settling demands that the read saw the change": {off.Rules{SettleUnseen: true}, func(c *chase) {
			xid := c.live.Stage(put("a", "g", "1"))
			c.recorded()
			c.round()
			c.live.Reveal(xid)
			c.finish()
		}},
		"settling demands that an include's change was seen when it was expanded": {off.Rules{SettleUnseen: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.finish()
			xid := c.live.Stage(sourcetest.Change{Group: "g", Value: "new"})
			c.recorded()
			c.round()
			c.live.Reveal(xid)
			c.finish()
		}},
		"settling waits for the verdict": {off.Rules{SettleEarly: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.recorded()
			crash := errors.New("crash")
			c.target.OnWrite = func(docs []sinks.Document, _ []sinks.Verdict) error { return crash }
			c.target.IgnoreWrites = true
			if _, err := c.rounds.round(c.t.Context()); !errors.Is(err, crash) {
				c.t.Fatal(err)
			}
			c.target.OnWrite, c.target.IgnoreWrites = nil, false
			c.finish()
		}},
		"settling demands that the source has flushed what the read saw": {off.Rules{SettleUnflushed: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.recorded()
			c.live.CommitUnflushed(put("a", "g", "lost"))
			c.round()
			c.crash()
			c.finish()
		}},
		"a document that only an unflushed change leads to is marked": {off.Rules{SettleUnflushed: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"), put("b", "h", "1"))
			c.finish()
			c.live.Commit(sourcetest.Change{Group: "g", Value: "new"})
			c.recorded()
			c.live.CommitUnflushed(put("b", "g", "1"))
			c.round()
			c.crash()
			c.finish()
		}},
		"a fence is passed when what was before it is settled": {off.Rules{FenceEarly: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.finish()
		}},
		"catch-up writes above the load": {off.Rules{OneVersion: true}, func(c *chase) {
			late := sinks.Document{ID: []byte("a"), Version: c.rounds.Writer.Base, Body: []byte(`{"late":"attempt of a chunk"}`)}
			c.live.Commit(put("a", "g", "1"))
			c.finish()
			if _, err := c.rounds.Writer.Index.Write(c.t.Context(), []sinks.Document{late}, make([]sinks.Verdict, 1)); err != nil {
				c.t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := newChase(t, off.Rules{})
			tc.history(with)
			if !with.equal() {
				t.Error("wrong with the rule")
			}
			without := newChase(t, tc.without)
			tc.history(without)
			if without.equal() {
				t.Error("right without the rule: the history does not show what it is for")
			}
		})
	}
}

func TestCatchUpMarksOfGroupsAndWholeTables(t *testing.T) {
	t.Parallel()
	c := newChase(t, off.Rules{})
	for i := range 3000 {
		c.live.Commit(put(fmt.Sprint(i), fmt.Sprint("g", i%7), "1"))
	}
	c.finish()
	c.live.Commit(sourcetest.Change{Group: "g3", Value: "renamed"})
	c.live.Commit(sourcetest.Change{ID: "5"}, put("6", "g3", "moved"), put("new", "g1", "x"))
	c.finish()
	if !c.equal() {
		t.Error("the index differs")
	}
}

// Random writers beside random rounds, with commits that become visible late, and a
// capture that is cut off and goes on.
func TestCatchUpAgainstRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			c := newChase(t, off.Rules{})
			var writers errgroup.Group
			for w := range uint64(4) {
				writers.Go(func() error {
					rng := rand.New(rand.NewPCG(seed, w))
					for i := range 150 {
						// Each writer has rows of its own: one row's transactions become visible in order.
						id := fmt.Sprintf("%d-%d", w, rng.IntN(8))
						change := put(id, fmt.Sprint("g", rng.IntN(3)), fmt.Sprint(i))
						switch rng.IntN(6) {
						case 0:
							change = sourcetest.Change{ID: id}
						case 1:
							change = sourcetest.Change{Group: fmt.Sprint("g", w), Value: fmt.Sprint(i)}
						}
						xid := c.live.Stage(change)
						if rng.IntN(2) == 0 {
							if _, err := c.capture.Fence(t.Context()); err != nil {
								return err
							}
						}
						c.live.Reveal(xid)
					}
					return nil
				})
			}
			for range 10 {
				c.round()
			}
			if err := writers.Wait(); err != nil {
				t.Fatal(err)
			}
			if err := c.stop(); err != nil {
				t.Fatal(err)
			}
			c.begin()
			c.finish()
			if !c.equal() {
				t.Errorf("the index differs; replay with seed %d", seed)
			}
		})
	}
}
