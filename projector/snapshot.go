package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/problem"
	"humpty/sinks"
)

// Snapshot keeps a generation, what the alias serves if empty, in a repository that
// exists. It must have been verified, unless unverified allows otherwise: a snapshot that
// was never proven is no backup. report, if not nil, is told how many bytes are there.
func (m *Manage) Snapshot(ctx context.Context, repository, name, generation string, unverified bool, report func(done, total int64)) (sinks.Snapshot, error) {
	var saved sinks.Snapshot
	snapshots, ok := m.Target.(sinks.Snapshots)
	if !ok {
		return saved, errNoSnapshots
	}
	err := underLease(ctx, m.Target, m.Owner, func(ctx context.Context, _ sinks.Lease) error {
		survey, err := m.Target.Survey(ctx)
		if err != nil {
			return fmt.Errorf("survey the target: %w", err)
		}
		if generation == "" {
			generation = survey.Live()
		}
		g, ok := survey.Find(generation)
		switch {
		case !ok:
			return &problem.Refusal{
				Why:    fmt.Sprintf("alias %s does not serve one generation of its own, or %q is none", survey.Alias, generation),
				Remedy: fmt.Sprintf("name one: --generation NAME; `humpty status %s` lists them", m.Projection.Name),
			}
		case g.Meta.Verified == nil && !unverified:
			return &problem.Refusal{
				Why:    fmt.Sprintf("generation %s (%s) was not verified: a snapshot of it might keep what is wrong", generation, g.Meta.State),
				Remedy: fmt.Sprintf("humpty repair %s --generation %s, then again; or take the risk: --unverified", m.Projection.Name, generation),
			}
		}
		if saved, err = snapshots.Save(ctx, repository, name, generation, report); err != nil {
			return fmt.Errorf("snapshot of %s: %w", generation, err)
		}
		return nil
	})
	return saved, err
}

// errNoSnapshots is the answer of targets that have no such thing.
var errNoSnapshots = errors.New("this target has no snapshots: only Elasticsearch and OpenSearch do")
