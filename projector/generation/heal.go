package generation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/internal/problem"
	"humpty/sinks"
)

// Heal puts right what a run that died has left in what the alias serves: a block of writes,
// set for the moment before its swap, and settings of its load. Where there is nothing to put
// right it changes nothing and takes no lease. While somebody holds the lease, or where a right is missing, it is a
// *Refusal that says what is wrong and what puts it right. done says what was put right.
func (a *Admin) Heal(ctx context.Context) (done []string, err error) {
	survey, lease, err := a.Status(ctx)
	if err != nil {
		return nil, err
	}
	wrong := leftovers(survey)
	if len(wrong) == 0 || lease == nil {
		return nil, nil
	}
	if lease.Held {
		o := lease.Lease.Owner
		return nil, &problem.Refusal{
			Why: fmt.Sprintf("%s: run %s (%s, pid %d on %s) holds the lease and may be about to swap", wrong[0], o.Run, o.Verb, o.PID, o.Host),
			Remedy: fmt.Sprintf("if that process is dead, its lease runs out in %s, and the next command of any kind puts it right, as humpty status %s",
				lease.Left.Round(time.Second), a.Projection),
		}
	}
	err = UnderLease(ctx, a.Target, a.Owner, a.Notice, func(ctx context.Context, _ sinks.Lease) error { // which lifts blocks
		return sealOrphaned(ctx, a.Target)
	})
	if err != nil {
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("%s, which is over, and that could not be put right: %v", wrong[0], err),
			Remedy: fmt.Sprintf("with the right to change it: humpty status %s", a.Projection),
			Err:    err,
		}
	}
	return wrong, nil
}

// leftovers says what dead runs have left in what the alias serves.
func leftovers(s sinks.Survey) (wrong []string) {
	for _, g := range s.Generations {
		for _, serving := range s.Serving {
			if slices.Contains(g.Meta.Blocked, serving.Index) {
				wrong = append(wrong, fmt.Sprintf("%s, which alias %s serves, is blocked for writes by run %s", serving.Index, s.Alias, g.Meta.Run))
			}
		}
		if unsealed(s, g) {
			wrong = append(wrong, fmt.Sprintf("%s, which alias %s serves, has settings of the load of run %s", g.Name, s.Alias, g.Meta.Run))
		}
	}
	return wrong
}

// unsealed reports whether the run of a generation that serves died between its last note
// and the settings behind it. One that is not noted as live is gone on with: its run needs
// them until then.
func unsealed(s sinks.Survey, g sinks.Generation) bool {
	return g.Name == s.Live() && g.Meta.State == sinks.Live && len(g.Meta.PendingSettings) > 0
}

// sealOrphaned puts the settings right that a run left in what serves when it died.
func sealOrphaned(ctx context.Context, target sinks.Target) error {
	survey, err := target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	for _, g := range survey.Generations {
		if !unsealed(survey, g) {
			continue
		}
		index, err := target.Open(ctx, g.Name)
		if err != nil {
			return fmt.Errorf("open index %s: %w", g.Name, err)
		}
		if err := index.Seal(ctx, nil); err != nil {
			return fmt.Errorf("put the settings of %s right: %w", g.Name, err)
		}
	}
	return nil
}

// CleanUpOrphaned ends what processes left that held the lease before and died, or sleep: their
// writers are shut out, and their blocks lifted. Each command that takes the lease does so
// first; nobody else can be about to write or to swap then.
func CleanUpOrphaned(ctx context.Context, target sinks.Target) error {
	if err := FenceOrphans(ctx, target); err != nil {
		return err
	}
	return UnblockOrphaned(ctx, target)
}

// UnblockOrphaned lifts blocks that a run set before its swap and died with: an index that serves
// must take writes. Each command that takes the lease does so first; nobody else can be
// about to swap then.
func UnblockOrphaned(ctx context.Context, target sinks.Target) error {
	blocker, ok := target.(sinks.Blocker)
	if !ok {
		return nil
	}
	survey, err := target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	for _, g := range survey.Generations {
		for _, s := range survey.Serving {
			if !slices.Contains(g.Meta.Blocked, s.Index) {
				continue
			}
			if err := blocker.Unblock(ctx, s.Index); err != nil {
				return fmt.Errorf("lift the block that run %s left on %s: %w", g.Meta.Run, s.Index, err)
			}
			if err := forgetBlocks(ctx, target, g); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

func forgetBlocks(ctx context.Context, target sinks.Target, g sinks.Generation) error {
	index, err := target.Open(ctx, g.Name)
	if err != nil {
		return fmt.Errorf("open index %s: %w", g.Name, err)
	}
	g.Meta.Blocked = nil
	if err := index.Note(ctx, g.Meta); err != nil {
		return fmt.Errorf("note in %s that nothing is blocked: %w", g.Name, err)
	}
	return nil
}
