package generation

import (
	"testing"
	"time"

	"humpty/sinks"
	"humpty/sinks/sinktest"
)

// What is fed is what served before, from the swap on for as long as the file says.
func TestFedIsWhatServedBefore(t *testing.T) {
	t.Parallel()
	swapped := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	survey := func(live sinks.Meta, more ...sinks.Generation) sinks.Survey {
		live.State = sinks.Live
		return sinks.Survey{
			Serving:     []sinks.Serving{{Index: "orders-2"}},
			Generations: append([]sinks.Generation{{Name: "orders-2", Meta: live}}, more...),
		}
	}
	before := sinks.Generation{Name: "orders-1", Meta: sinks.Meta{State: sinks.Retired}}
	for name, tc := range map[string]struct {
		survey sinks.Survey
		keep   FeedFor
		until  time.Time
		fed    bool
	}{
		"a day":              {survey(sinks.Meta{Previous: "orders-1", Serves: swapped}, before), FeedFor(24 * time.Hour), swapped.Add(24 * time.Hour), true},
		"without end":        {survey(sinks.Meta{Previous: "orders-1", Serves: swapped}, before), -1, time.Time{}, true},
		"not asked for":      {survey(sinks.Meta{Previous: "orders-1", Serves: swapped}, before), 0, time.Time{}, false},
		"of earlier version": {survey(sinks.Meta{Previous: "orders-1", Updated: swapped}, before), FeedFor(time.Hour), swapped.Add(time.Hour), true},
		"it is gone":         {survey(sinks.Meta{Previous: "orders-1", Serves: swapped}), FeedFor(time.Hour), time.Time{}, false},
		"the first":          {survey(sinks.Meta{Serves: swapped}, before), FeedFor(time.Hour), time.Time{}, false},
		"itself":             {survey(sinks.Meta{Previous: "orders-2", Serves: swapped}, before), FeedFor(time.Hour), time.Time{}, false},
		"nothing serves":     {sinks.Survey{Generations: []sinks.Generation{before}}, FeedFor(time.Hour), time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fed, until, ok := tc.keep.Previous(tc.survey)
			if ok != tc.fed || !until.Equal(tc.until) || ok && fed.Name != "orders-1" {
				t.Fatalf("%v until %v: %v", fed.Name, until, ok)
			}
			if !ok || tc.until.IsZero() {
				return
			}
			if _, _, now := tc.keep.At(tc.survey, tc.until.Add(-time.Second)); !now {
				t.Error("it is not fed though its time is not over")
			}
			if _, _, now := tc.keep.At(tc.survey, tc.until); now {
				t.Error("it is fed when its time is over")
			}
		})
	}
}

// A generation that is fed is not dropped, however few are kept.
func TestFedIsNotPrunable(t *testing.T) {
	t.Parallel()
	of := func(name string) sinks.Generation {
		return sinks.Generation{Name: name, Meta: sinks.Meta{State: sinks.Retired, Verified: &sinks.Verification{}}}
	}
	live := of("orders-4")
	live.Meta.State, live.Meta.Previous, live.Meta.Serves = sinks.Live, "orders-2", time.Now()
	survey := sinks.Survey{Serving: []sinks.Serving{{Index: live.Name}}, Generations: []sinks.Generation{of("orders-1"), of("orders-2"), of("orders-3"), live}}
	for feed, want := range map[FeedFor]int{0: 3, FeedFor(time.Hour): 2, 1: 3, -1: 2} {
		if drop := (&Admin{Feed: feed}).prunable(survey, ""); len(drop) != want {
			t.Errorf("%v: %d would be dropped, want %d", time.Duration(feed), len(drop), want)
		}
	}
}

// What serves now is noted in what is to serve before the alias changes: a process may die behind
// the switch, and humpty follow look right then.
func TestPreviousIsNotedBeforeTheSwitch(t *testing.T) {
	t.Parallel()
	target := &sinktest.MemoryTarget{Name: "orders"}
	for i, name := range []string{"orders-1", "orders-2"} {
		g := sinks.Generation{Name: name, Meta: sinks.Meta{Schema: 1, Alias: "orders", Run: name, Epoch: int64(i + 1), State: sinks.Verified, Verified: &sinks.Verification{}}}
		if _, err := target.Create(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	a := Admin{Projection: "orders", Alias: "orders", Target: target, Owner: sinks.Owner{Run: "r"}, MaxShrink: -1}
	for _, to := range []string{"orders-1", "orders-2"} {
		if _, err := a.Swap(t.Context(), to, "", false); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	target.OnSwap = func(change sinks.AliasChange) error {
		survey, err := target.Survey(t.Context())
		if err != nil {
			return err
		}
		g, _ := survey.Find(change.To)
		if g.Meta.Previous != "orders-2" || g.Meta.Serves.Before(began) {
			t.Errorf("it is noted that %q serves before it, and since when: %v", g.Meta.Previous, g.Meta.Serves)
		}
		return nil
	}
	change, err := a.Rollback(t.Context(), "")
	if err != nil || change.To != "orders-1" {
		t.Errorf("%v %v", change, err)
	}
}
