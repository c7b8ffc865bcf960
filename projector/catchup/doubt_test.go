package catchup

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"humpty/internal/protocol/off"
	"humpty/sinks"
	"humpty/sources/sourcetest"
)

// settled is what a swap or a rotation that is due brings.
func (c *chase) settled() {
	c.t.Helper()
	c.finish()
	if err := c.rounds.SettleDeletions(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// Each rule that protects a deletion has a history that goes wrong every time without it: an
// attempt to write the document lands when the target has forgotten that it was deleted.
func TestEachRuleOfDeletionsIsNeeded(t *testing.T) {
	t.Parallel()
	written := func(c *chase) {
		c.target.HideInFlight = true
		c.stray()
		c.live.Commit(put("a", "g", "1"))
		c.recorded()
		c.round()
		c.live.Commit(sourcetest.Change{ID: "a"})
		c.recorded()
	}
	for name, tc := range map[string]struct {
		without off.Rules
		history func(*chase)
	}{
		"a deletion waits for an attempt that had no answer": {off.Rules{SettleUnknown: true}, func(c *chase) {
			written(c)
			c.round()
			c.target.Restart()
			c.target.Land(-1)
			c.settled()
		}},
		"and the next process knows of it": {off.Rules{SettleUnknown: true}, func(c *chase) {
			written(c)
			c.round()
			c.target.Restart()
			c.target.Land(-1)
			c.again()
			c.settled()
		}},
		"a deletion waits when a primary was restarted": {off.Rules{SettleForgotten: true}, func(c *chase) {
			c.target.Repeats = true
			written(c)
			c.target.Restart()
			c.round()
			c.target.Restart()
			c.target.Land(-1)
			c.rounds.doubts.hurry = true
			c.settled()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := newChase(t, off.Rules{})
			tc.history(with)
			if with.target.Land(-1); !with.equal() {
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

// again is another process that takes over: it knows what is durable, and is another writer.
func (c *chase) again() {
	c.t.Helper()
	index, err := c.target.Open(c.t.Context(), "orders-1")
	if err == nil {
		err = index.(sinks.WriterFence).BeginWriter(c.t.Context(), sinks.LeaseWriter) //nolint:forcetypeassert // of the fake
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.rounds.Writer.Index, c.rounds.doubts = index, doubts{hurry: c.rounds.doubts.hurry}
}

// However many bulks have no answer, the writer's name is changed once a minute at most, and
// what is not a deletion of such a document does not wait for it.
func TestRotationsAreCoalesced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChase(t, off.Rules{})
		c.target.HideInFlight = true
		c.target.LateAttempt = func([]sinks.Document) bool { return true }
		rotations := 0
		c.target.OnFence = func() { rotations++ }
		const seconds = 600
		for i := range seconds {
			<-time.After(time.Second)
			id := fmt.Sprint(i % 7)
			if c.live.Commit(put(id, "g", fmt.Sprint(i))); i%3 == 0 {
				c.live.Commit(sourcetest.Change{ID: id})
			}
			c.recorded()
			if c.round(); !c.equal() {
				t.Fatalf("after %d s the index is not what the source says", i)
			}
		}
		if rotations < seconds/60-1 || rotations > seconds/60 {
			t.Errorf("%d rotations in %d s", rotations, seconds)
		}
		c.target.LateAttempt = nil
		c.target.Restart()
		c.target.Land(-1)
		if c.settled(); !c.equal() {
			t.Error("the index is not what the source says when all has landed")
		}
	})
}
