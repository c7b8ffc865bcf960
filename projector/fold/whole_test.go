package fold_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"humpty/internal/problem"
	"humpty/projector/fold/handlers"
	"humpty/sources"
)

// cutLog is a log whose beginning is gone.
type cutLog struct{ sources.Source }

func (c cutLog) Plan(ctx context.Context) (sources.Plan, error) {
	plan, err := c.Source.Plan(ctx)
	plan.Warnings = append(plan.Warnings, problem.Problem{Place: "humpty.yaml:3:4", What: "the beginning of the log is gone", Remedy: "accept it"})
	return plan, err
}

// What is made of all events is not made of a part of them; what goes on from a position has
// the others.
func TestLogsThatAreNotWholeAreRefused(t *testing.T) {
	t.Parallel()
	w, dir := newLiveTopic(3), t.TempDir()
	whole := liveSource(&w.log, dir)
	cut := liveSource(&w.log, dir)
	cut.Inner = cutLog{cut.Inner}
	refused := func(name string, err error) {
		t.Helper()
		var refusal *problem.Refusal
		if !errors.As(err, &refusal) || refusal.Error() != "humpty.yaml:3:4: the beginning of the log is gone\naccept it" {
			t.Errorf("%s: %v (%T)", name, err, err)
		}
	}
	_, err := cut.Open(t.Context())
	refused("open", err)
	_, err = cut.OpenSince(t.Context(), map[string]sources.Position{"log/0": "0"}, time.Now())
	refused("since, folded again from the start", err)
	_, err = cut.Capture(t.Context(), "run", "")
	refused("capture", err)

	feed, err := whole.Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	var at sources.ChangeSet
	for id, err := feed.Fence(t.Context()); at.Fence != id; err = feed.Next(t.Context(), &at) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if feed, err = cut.Capture(t.Context(), "run", at.Position); err != nil {
		t.Fatalf("from a position: %v", err)
	}
	if err := feed.Close(t.Context()); err != nil {
		t.Error(err)
	}

	cut.Newest, cut.New = true, handlers.NewLatest
	from := map[string]sources.Position{}
	plan, err := whole.Inner.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plan.Partitions {
		from[p.ID] = "0"
	}
	view, err := cut.OpenSince(t.Context(), from, time.UnixMilli(0))
	if errors.As(err, new(*problem.Refusal)) {
		t.Errorf("since, where the newest decides: %v", err)
	}
	if err == nil {
		err = view.Close(t.Context())
	}
	var gap *sources.ErrChangesLost // the clocks of these events are not those of a position
	if err != nil && !errors.As(err, &gap) {
		t.Error(err)
	}
}
