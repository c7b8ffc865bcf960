package catchup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"humpty/internal/protocol/off"
	"humpty/sinks"
	"humpty/sources/sourcetest"
)

// app does what an application does: it commits, and writes the document through the
// alias then, without a version.
func (c *chase) app(change sourcetest.Change) {
	c.t.Helper()
	c.live.Commit(change)
	c.alias(change.ID)
}

// alias is the second half of it.
func (c *chase) alias(id string) {
	c.t.Helper()
	d := sinks.Document{ID: []byte(id)}
	if body, ok := c.live.Documents()[id]; ok {
		d.Body = []byte(body)
	}
	if _, err := c.rounds.Writer.Index.Write(c.t.Context(), []sinks.Document{d}, make([]sinks.Verdict, 1)); err != nil {
		c.t.Error(err)
	}
}

// handOver is what comes behind the swap.
func (c *chase) handOver() {
	c.t.Helper()
	h, err := NewHandover(c.rounds)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := h.End(c.t.Context(), c.capture, "orders"); err != nil {
		c.t.Fatal(err)
	}
}

// stray leaves an attempt of the first write behind.
func (c *chase) stray() {
	first := true
	c.target.LateAttempt = func([]sinks.Document) bool {
		was := first
		first = false
		return was
	}
}

// has reports whether the index has a document.
func (c *chase) has(id string) bool {
	c.t.Helper()
	found := make([]sinks.Found, 1)
	getter := c.rounds.Writer.Index.(sinks.Getter) //nolint:forcetypeassert // of the fake
	if err := getter.Get(c.t.Context(), []sinks.Key{{ID: []byte(id)}}, found); err != nil {
		c.t.Error(err)
	}
	return found[0].There
}

// lateCreate is a history in which an attempt to create a document lands in the last pass,
// when the change that deleted it has long been settled.
func lateCreate(c *chase) {
	c.live.Commit(put("a", "g", "1"))
	b := c.live.Stage(put("b", "g", "1")) // keeps the first pass going
	c.recorded()
	c.stray()
	var deleted, revealed bool
	var mu sync.Mutex
	c.live.OnLookup = func([]string) {
		mu.Lock()
		defer mu.Unlock()
		switch there := c.has("a"); {
		case there && !deleted:
			deleted = true
			c.app(sourcetest.Change{ID: "a"})
			c.recorded()
		case deleted && !revealed:
			revealed = true
			c.live.Reveal(b)
		}
	}
	c.target.OnFence = func() { c.target.Land(-1) }
	c.handOver()
	c.target.Land(-1) // what nobody waited for
}

// Each rule of a handover's end has a history that goes wrong every time without it.
func TestEachRuleOfTheEndIsNeeded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		without off.Rules
		history func(*chase)
	}{
		"a document that we wrote and that changed is read again": {off.Rules{EndAtFence: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.recorded()
			var once sync.Once // between our read of the source and our create
			c.target.OnWriteIf = func() { once.Do(func() { c.app(sourcetest.Change{ID: "a"}) }) }
			c.handOver()
		}},
		"and again until nothing has": {off.Rules{EndUnclean: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.recorded()
			writes, flights := 0, 0
			c.target.OnWriteIf = func() {
				if writes++; writes <= 2 {
					c.app(sourcetest.Change{ID: "a"})
				}
			}
			c.target.OnFence = func() {
				if flights++; flights == 1 {
					c.app(sourcetest.Change{ID: "a"})
					c.live.Commit(put("a", "g", "2")) // and is about to write it, but deletes it before
				}
			}
			c.handOver()
		}},
		"a write without an answer is not done": {off.Rules{TrustUnknown: true}, lateCreate},
		"nothing is under way at the end":       {off.Rules{EndInFlight: true}, lateCreate},
		"what an earlier process wrote is read again": {off.Rules{ForgetWritten: true}, func(c *chase) {
			c.live.Commit(put("a", "g", "1"))
			c.recorded()
			c.stray()
			crash := errors.New("crash")
			c.target.OnWrite = func([]sinks.Document, []sinks.Verdict) error { return crash }
			h, err := NewHandover(c.rounds)
			if err != nil {
				c.t.Fatal(err)
			}
			if err := h.End(c.t.Context(), c.capture, "orders"); !errors.Is(err, crash) {
				c.t.Fatal(err)
			}
			c.target.OnWrite = nil
			c.app(sourcetest.Change{ID: "a"})
			c.target.OnFence = func() { c.target.Land(-1) }
			c.handOver()
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

// A write of the application's is never undone, not even for a moment.
func TestHandoverDoesNotUndoAWrite(t *testing.T) {
	t.Parallel()
	c := newChase(t, off.Rules{})
	c.live.Commit(put("a", "g", "1"))
	c.recorded()
	var once sync.Once
	c.target.OnWriteIf = func() { once.Do(func() { c.app(put("a", "g", "2")) }) }
	var outcomes []sinks.Outcome
	c.target.OnWrite = func(_ []sinks.Document, verdicts []sinks.Verdict) error {
		for _, v := range verdicts {
			outcomes = append(outcomes, v.Outcome)
		}
		return nil
	}
	c.handOver()
	if !c.equal() || !slices.Equal(outcomes, []sinks.Outcome{sinks.Written, sinks.Superseded}) {
		t.Errorf("verdicts %v: want the application's write, and ours superseded by it", outcomes)
	}
}

// A document that never rests is reported, and not dropped silently.
func TestHandoverThatFindsNoEnd(t *testing.T) {
	t.Parallel()
	c := newChase(t, off.Rules{})
	c.live.Commit(put("a", "g", "1"))
	c.recorded()
	n := 0
	c.target.OnFence = func() {
		n++
		c.live.Commit(put("a", "g", fmt.Sprint(n))) // and the application is slow to write it
	}
	h, err := NewHandover(c.rounds)
	if err != nil {
		t.Fatal(err)
	}
	var unsettled *Unsettled
	if err := h.End(t.Context(), c.capture, "orders"); !errors.As(err, &unsettled) || unsettled.Documents != 1 || unsettled.First[0] != "a" {
		t.Fatalf("error %v", err)
	}
	if text := unsettled.Error(); !strings.Contains(text, "humpty repair orders") {
		t.Error(text)
	}
}

// TestHandoverBesideABusyApplication: each document is given away when a pass left it alone, so
// a handover ends though something changes in every pass.
func TestHandoverBesideABusyApplication(t *testing.T) {
	t.Parallel()
	c := newChase(t, off.Rules{})
	ids := []string{"a", "b", "c"}
	for _, id := range ids {
		c.live.Commit(put(id, "g", "0"))
	}
	c.recorded()
	n := 0
	c.target.OnFence = func() {
		c.app(put(ids[n%len(ids)], "g", fmt.Sprint(n)))
		n++
	}
	c.handOver()
	if !c.equal() {
		t.Error("the index is not equal to the source")
	}
	if n > 10 {
		t.Errorf("it took %d passes", n)
	}
}
