package projector

import (
	"context"
	"fmt"
	"slices"

	"humpty/sinks"
)

// Prunable lists what Prune would drop: all failed and unfinished generations, and of
// the others the oldest beyond Projection.Keep. Never one that an alias serves, nor the
// one that a running rebuild fills.
func (m *Manage) Prunable(ctx context.Context) ([]sinks.Generation, error) {
	survey, lease, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	running := ""
	if lease != nil && lease.Held {
		running = lease.Lease.Owner.Run
	}
	return prunable(survey, running, m.Projection.Keep), nil
}

// prunable chooses from a survey; running is the run whose generation is left alone.
func prunable(s sinks.Survey, running string, keep int) []sinks.Generation {
	var drop []sinks.Generation
	for _, g := range slices.Backward(s.Generations) {
		serving := slices.ContainsFunc(s.Serving, func(v sinks.Serving) bool { return v.Index == g.Name })
		switch {
		case serving, running != "" && g.Meta.Run == running:
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

// Prune drops the named generations under the lease, each checked again, and returns
// those that are gone, also with an error.
func (m *Manage) Prune(ctx context.Context, names []string) ([]string, error) {
	var gone []string
	err := underLease(ctx, m.Target, m.Owner, func(ctx context.Context, _ sinks.Lease) error {
		for _, name := range names {
			if err := m.Target.Drop(ctx, name); err != nil {
				return fmt.Errorf("drop generation %s: %w", name, err)
			}
			gone = append(gone, name)
		}
		return nil
	})
	return gone, err
}
