package generation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/sinks"
)

// Prunable lists what Prune would drop: all failed and unfinished generations, and of
// the others the oldest beyond Keep. Never one that an alias serves, nor one that
// is fed, nor the one that a running rebuild fills.
func (a *Admin) Prunable(ctx context.Context) ([]sinks.Generation, error) {
	survey, lease, err := a.Status(ctx)
	if err != nil {
		return nil, err
	}
	running := ""
	if lease != nil && lease.Held {
		running = lease.Lease.Owner.Run
	}
	return a.prunable(survey, running), nil
}

// prunable chooses from a survey; running is the run whose generation is left alone.
func (a *Admin) prunable(s sinks.Survey, running string) []sinks.Generation {
	keep := a.Keep
	fed, _, feeds := a.Feed.At(s, time.Now())
	var drop []sinks.Generation
	for _, g := range slices.Backward(s.Generations) {
		serving := slices.ContainsFunc(s.Serving, func(v sinks.Serving) bool { return v.Index == g.Name })
		switch {
		case serving, running != "" && g.Meta.Run == running:
			continue
		case feeds && g.Name == fed.Name: // a rollback to it is to be instant
			keep = max(keep-1, 0)
			continue
		case g.Meta.Verified != nil && keep > 0:
			keep--
			continue
		}
		drop = append(drop, g)
	}
	slices.Reverse(drop)
	return drop
}

// Prune drops the named generations under the lease, each checked again (a person may have
// thought for long), and returns those that are gone, also with an error.
func (a *Admin) Prune(ctx context.Context, names []string) ([]string, error) {
	var gone []string
	err := UnderLease(ctx, a.Target, a.Owner, a.Notice, func(ctx context.Context, _ sinks.Lease) error {
		survey, err := a.Target.Survey(ctx)
		if err != nil {
			return fmt.Errorf("survey the target: %w", err)
		}
		still := a.prunable(survey, "")
		for _, name := range names {
			g, there := survey.Find(name)
			serves := slices.ContainsFunc(survey.Serving, func(v sinks.Serving) bool { return v.Index == name }) // which the target refuses
			if there && !serves && !slices.ContainsFunc(still, func(s sinks.Generation) bool { return s.Name == name }) {
				return &problem.Refusal{
					Why:    fmt.Sprintf("generation %s (%s) was to be dropped, but is one to keep meanwhile: somebody repaired or verified it", name, g.Meta.State),
					Remedy: fmt.Sprintf("look again: humpty prune %s --dry-run", a.Projection),
				}
			}
			if err := a.Target.Drop(ctx, name); err != nil {
				return fmt.Errorf("drop generation %s: %w", name, err)
			}
			gone = append(gone, name)
		}
		return nil
	})
	return gone, err
}

// PruneUnfinished drops an index that a run made and left before it wrote down that it is its own.
func (a *Admin) PruneUnfinished(ctx context.Context, name string) error {
	return UnderLease(ctx, a.Target, a.Owner, a.Notice, func(ctx context.Context, _ sinks.Lease) error {
		survey, err := a.Target.Survey(ctx)
		if err != nil {
			return fmt.Errorf("survey the target: %w", err)
		}
		if f, ok := survey.FindForeign(name); !ok || !f.Unfinished {
			why := "there is no such index"
			if ok {
				why = f.Why
			} else if _, ok := survey.Find(name); ok {
				why = "it is a generation"
			}
			return &problem.Refusal{
				Why:    fmt.Sprintf("index %s is not one that a run left unfinished: %s", name, why),
				Remedy: "see what there is: " + printable.Command("humpty", "status", a.Projection),
			}
		}
		if err := a.Target.Drop(ctx, name); err != nil {
			return fmt.Errorf("drop index %s: %w", name, err)
		}
		return nil
	})
}
