package runs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"humpty/cmd/humpty/internal/signals"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/projector/lease"
	"humpty/sinks"
)

// partial are the generations that a run left half done, and of which nothing is known here:
// it was one of a snapshot, or of another machine.
func (l *Leftovers) partial(ctx context.Context, p config.Projection) ([]sinks.Generation, error) {
	m, err := assemble.Admin(ctx, l.config, p, "status")
	if err != nil {
		return nil, err
	}
	survey, lease, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	return l.PartialGenerations(p, survey, lease), nil
}

// PartialGenerations are those of a survey that a run left half done, and of which nothing is
// known here.
func (l *Leftovers) PartialGenerations(p config.Projection, survey sinks.Survey, lease *lease.State) []sinks.Generation {
	known := func(string) bool { return false }
	if state, err := l.State(); err == nil && p.Live {
		known = func(run string) bool { return state.Has(p.Name, run) }
	}
	return slices.DeleteFunc(slices.Clone(survey.Generations), func(g sinks.Generation) bool {
		partial := g.Meta.Verified == nil
		switch g.Meta.State {
		case sinks.Creating, sinks.Loading, sinks.CatchingUp, sinks.Sealed:
		case sinks.Failed:
			partial = partial && strings.Contains(g.Meta.Reason, signals.InterruptedBy)
		default:
			partial = false
		}
		works := lease != nil && lease.Held && lease.Lease.Owner.Run == g.Meta.Run
		return !partial || works || survey.Live() == g.Name || known(g.Meta.Run)
	})
}

// WarnPartial says what earlier runs left half done that this one does not resume.
func (l *Leftovers) WarnPartial(ctx context.Context, p config.Projection) error {
	l.Heal(ctx, p) // the run may be refused before it has the lease
	partial, err := l.partial(ctx, p)
	if err != nil {
		return err
	}
	for _, g := range partial {
		l.Warn(l.DescribePartial(p, g))
	}
	return nil
}

// DescribePartial says what becomes of a generation that was left half done.
func (l *Leftovers) DescribePartial(p config.Projection, g sinks.Generation) string {
	why := "the snapshot that it read ended with its process: a rebuild or resume takes a new snapshot and fills a new generation"
	if p.Live {
		why = "the state folder here does not know it: it can be gone on with only where it began (--state)"
	}
	return fmt.Sprintf("generation %s was left half done by run %s; %s; %s drops it", g.Name, g.Meta.Run, why, l.CommandLine("humpty prune", p.Name))
}
