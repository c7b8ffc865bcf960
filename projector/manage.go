package projector

import (
	"context"
	"fmt"
	"slices"

	"humpty/internal/problem"
	"humpty/projector/lease"
	"humpty/sinks"
)

// Manage changes what an alias serves, outside a rebuild. Every change is made under
// the projection's lease.
type Manage struct {
	Projection Projection
	Target     sinks.Target
	Owner      sinks.Owner
}

// Status reads the alias, its generations and the lease, and changes nothing. The
// lease is nil where the target keeps none.
func (m *Manage) Status(ctx context.Context) (sinks.Survey, *lease.State, error) {
	survey, err := m.Target.Survey(ctx)
	if err != nil {
		return survey, nil, fmt.Errorf("survey the target: %w", err)
	}
	state, err := lease.Read(ctx, m.Target)
	return survey, state, err
}

// Swap makes the alias serve generation `to`, or the newest verified one if to is "".
// replace names the concrete index on the alias's name that may be deleted by it;
// unverified allows a generation whose verification is missing.
func (m *Manage) Swap(ctx context.Context, to, replace string, unverified bool) (sinks.AliasChange, error) {
	return m.change(ctx, replace, func(s sinks.Survey) (string, error) {
		if to == "" {
			return newestVerified(s)
		}
		g, ok := s.Find(to)
		if !ok {
			return "", fmt.Errorf("index %s is not a generation of alias %s: `humpty status` lists them", to, s.Alias)
		}
		if g.Meta.Verified == nil && !unverified {
			return "", &problem.Refusal{
				Why:    fmt.Sprintf("generation %s (%s) was not verified", to, g.Meta.State),
				Remedy: fmt.Sprintf("rebuild it, or take the risk: humpty swap %s --to %s --unverified", m.Projection.Name, to),
			}
		}
		return to, nil
	})
}

// Rollback makes the alias serve the generation that was live before the present one,
// or `to`.
func (m *Manage) Rollback(ctx context.Context, to string) (sinks.AliasChange, error) {
	return m.change(ctx, "", func(s sinks.Survey) (string, error) {
		if to != "" {
			return to, nil
		}
		live, ok := s.Find(s.Live())
		if !ok {
			return "", &problem.Refusal{
				Why:    fmt.Sprintf("alias %s does not serve one generation of its own, so there is nothing to go back from", s.Alias),
				Remedy: fmt.Sprintf("name the generation: humpty rollback %s --to GENERATION", m.Projection.Name),
			}
		}
		if _, ok := s.Find(live.Meta.Previous); !ok {
			return "", &problem.Refusal{
				Why:    fmt.Sprintf("the generation that was live before %s is not there (any more): %q", live.Name, live.Meta.Previous),
				Remedy: fmt.Sprintf("`humpty status %s` lists what there is; `humpty rebuild %s` makes a new one", m.Projection.Name, m.Projection.Name),
			}
		}
		return live.Meta.Previous, nil
	})
}

func newestVerified(s sinks.Survey) (string, error) {
	for _, g := range slices.Backward(s.Generations) {
		if g.Meta.Verified != nil && g.Name != s.Live() {
			return g.Name, nil
		}
	}
	return "", &problem.Refusal{
		Why:    fmt.Sprintf("alias %s has no verified generation beside the one it serves", s.Alias),
		Remedy: "make one: humpty rebuild --no-swap",
	}
}

// change switches the alias to the generation that choose names, under the lease.
func (m *Manage) change(ctx context.Context, replace string, choose func(sinks.Survey) (string, error)) (sinks.AliasChange, error) {
	var change sinks.AliasChange
	err := underLease(ctx, m.Target, m.Owner, func(ctx context.Context, _ sinks.Lease) error {
		survey, err := m.Target.Survey(ctx)
		if err != nil {
			return fmt.Errorf("survey the target: %w", err)
		}
		to, err := choose(survey)
		if err != nil {
			return err
		}
		if change, err = switchAlias(ctx, m.Target, survey, to, replace, m.Projection.Name); err != nil {
			return err
		}
		if err := settleStates(ctx, m.Target, survey, to); err != nil {
			return err
		}
		return thawLeft(ctx, m.Target)
	})
	return change, err
}
