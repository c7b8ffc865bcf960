package generation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/projector/lease"
	"humpty/sinks"
)

// Admin changes what an alias serves, outside a rebuild. Every change is made under
// the projection's lease.
type Admin struct {
	Projection string // its name
	Alias      string
	Keep       int     // generations to keep besides the live one (Prune)
	Feed       FeedFor // how long the one that served before is fed
	Target     sinks.Target
	Owner      sinks.Owner
	Live       bool              // a run continues to write to a generation that it has verified
	MaxShrink  MaxShrink         // of Swap; of Rollback only against what the generation had
	Notice     func(text string) // told what is worth knowing; may be nil
}

// Status reads the alias, its generations and the lease, and changes nothing. The
// lease is nil where the target keeps none.
func (a *Admin) Status(ctx context.Context) (sinks.Survey, *lease.State, error) {
	survey, err := a.Target.Survey(ctx)
	if err != nil {
		return survey, nil, fmt.Errorf("survey the target: %w", err)
	}
	state, err := lease.Read(ctx, a.Target)
	return survey, state, err
}

// Swap makes the alias serve generation `to`, or the newest verified one if to is "".
// replace names the concrete index on the alias's name that may be deleted by it;
// unverified allows a generation whose verification is missing.
func (a *Admin) Swap(ctx context.Context, to, replace string, unverified bool) (sinks.AliasChange, error) {
	gate := a.gate()
	check := func(ctx context.Context, survey sinks.Survey, change sinks.AliasChange) error {
		if err := gate.Check(ctx, survey, change); err != nil || unverified {
			return err
		}
		return gate.checkCount(survey, change.To)
	}
	return a.change(ctx, replace, check, func(s sinks.Survey) (string, error) {
		if to == "" {
			return newestVerified(s)
		}
		g, ok := s.Find(to)
		if !ok {
			return "", s.Refuse(to)
		}
		if g.Meta.Verified == nil && !unverified {
			return "", &problem.Refusal{
				Why:    fmt.Sprintf("generation %s (%s) was not verified", to, g.Meta.State),
				Remedy: fmt.Sprintf("rebuild it, or take the risk: humpty swap %s --to %s --unverified", a.Projection, printable.Shell(to)),
			}
		}
		return to, nil
	})
}

// Newest is the newest verified generation beside the one that serves.
func (a *Admin) Newest(ctx context.Context) (string, error) {
	survey, err := a.Target.Survey(ctx)
	if err != nil {
		return "", fmt.Errorf("survey the target: %w", err)
	}
	return newestVerified(survey)
}

// Rollback makes the alias serve the generation that was live before the present one,
// or `to`. It may have fewer documents than what serves now, but not than it had itself.
func (a *Admin) Rollback(ctx context.Context, to string) (sinks.AliasChange, error) {
	gate := a.gate()
	gate.Retry = func(to string) string { return printable.Command("humpty", "rollback", a.Projection, "--to", to) }
	through := func(ctx context.Context, survey sinks.Survey, change sinks.AliasChange) error {
		if _, err := gate.CheckAlias(ctx, survey, change); err != nil {
			return err
		}
		return gate.checkCount(survey, change.To)
	}
	return a.change(ctx, "", through, func(s sinks.Survey) (string, error) {
		if to != "" {
			return to, nil
		}
		live, ok := s.Find(s.Live())
		if !ok {
			return "", &problem.Refusal{
				Why:    fmt.Sprintf("alias %s does not serve one generation of its own, so there is nothing to go back from", s.Alias),
				Remedy: fmt.Sprintf("name the generation: humpty rollback %s --to GENERATION", a.Projection),
			}
		}
		if _, ok := s.Find(live.Meta.Previous); !ok {
			return "", &problem.Refusal{
				Why:    fmt.Sprintf("the generation that was live before %s is not there (any more): %q", live.Name, live.Meta.Previous),
				Remedy: fmt.Sprintf("`humpty status %s` lists what there is; `humpty rebuild %s` makes a new one", a.Projection, a.Projection),
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

func (a *Admin) gate() *Gate {
	return &Gate{Target: a.Target, Projection: a.Projection, Live: a.Live, MaxShrink: a.MaxShrink, Notice: a.Notice}
}

// change switches the alias to the generation that choose names, under the lease.
func (a *Admin) change(ctx context.Context, replace string, gate func(context.Context, sinks.Survey, sinks.AliasChange) error,
	choose func(sinks.Survey) (string, error),
) (sinks.AliasChange, error) {
	var change sinks.AliasChange
	err := UnderLease(ctx, a.Target, a.Owner, a.Notice, func(ctx context.Context, _ sinks.Lease) error {
		last := func(ctx context.Context, survey sinks.Survey, change sinks.AliasChange) error {
			if err := gate(ctx, survey, change); err != nil {
				return err
			}
			return a.notePrevious(ctx, survey, change.To)
		}
		s := Switch{Target: a.Target, Projection: a.Projection, Replace: replace, To: choose, Gate: last}
		before, done, err := s.Do(ctx)
		change = done
		if err != nil {
			return err
		}
		tellVersions(before, change.To, a.Notice)
		if err := RecordStates(ctx, a.Target, before, change.To); err != nil {
			return err
		}
		return UnblockOrphaned(ctx, a.Target)
	})
	return change, err
}

// notePrevious notes what serves now in what is to serve. A process may die behind the swap, and
// humpty follow may look right behind it: what served before is fed by what is noted.
func (a *Admin) notePrevious(ctx context.Context, before sinks.Survey, to string) error {
	g, ok := before.Find(to)
	if live := before.Live(); !ok || live == "" || live == to {
		return nil
	}
	index, err := a.Target.Open(ctx, to)
	if err != nil {
		return err
	}
	m := g.Meta
	m.Updated = time.Now().UTC()
	m.Previous, m.Serves = before.Live(), m.Updated
	if err := index.Note(ctx, m); err != nil {
		return fmt.Errorf("note in %s what serves before it: %w", to, err)
	}
	return nil
}

// Snapshot keeps a generation, what the alias serves if empty, in a repository that
// exists. It must have been verified, unless unverified allows otherwise: a snapshot that
// was never proven is no backup. report, if not nil, is told how many bytes are there.
func (a *Admin) Snapshot(ctx context.Context, repository, name, generation string, unverified bool, report func(done, total int64)) (sinks.Snapshot, error) {
	var saved sinks.Snapshot
	snapshots, ok := a.Target.(sinks.Snapshots)
	if !ok {
		return saved, ErrNoSnapshots
	}
	err := UnderLease(ctx, a.Target, a.Owner, a.Notice, func(ctx context.Context, _ sinks.Lease) error {
		survey, err := a.Target.Survey(ctx)
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
				Remedy: fmt.Sprintf("name one: --generation NAME; `humpty status %s` lists them", a.Projection),
			}
		case g.Meta.Verified == nil && !unverified:
			return &problem.Refusal{
				Why:    fmt.Sprintf("generation %s (%s) was not verified: a snapshot of it might keep what is wrong", generation, g.Meta.State),
				Remedy: fmt.Sprintf("humpty repair %s --generation %s, then again; or take the risk: --unverified", a.Projection, printable.Shell(generation)),
			}
		}
		if saved, err = snapshots.Save(ctx, repository, name, generation, report); err != nil {
			return fmt.Errorf("snapshot of %s: %w", generation, err)
		}
		return nil
	})
	return saved, err
}

// ErrNoSnapshots is the answer of targets that have no such thing.
var ErrNoSnapshots = errors.New("this target has no snapshots: only Elasticsearch and OpenSearch do")

// UnderLease does work while holding the projection's lease, as each command does that
// changes something. waiting is told while the lease of another is watched; it may be nil.
func UnderLease(ctx context.Context, target sinks.Target, owner sinks.Owner, waiting func(string), work func(context.Context, sinks.Lease) error) error {
	h := hold(target, owner)
	h.Waiting = waiting
	return h.Do(ctx, work)
}

func hold(target sinks.Target, owner sinks.Owner) lease.Hold {
	return lease.Hold{Target: target, Owner: owner, Before: func(ctx context.Context) error { return CleanUpOrphaned(ctx, target) }}
}

// Unlock takes the lease from the owner that lease.Inspect saw, shuts its writers out as one that
// takes a lease over does, and gives it back.
func (a *Admin) Unlock(ctx context.Context, was *lease.Broken) error {
	survey, err := a.Target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	h := hold(a.Target, a.Owner)
	return h.Break(ctx, was, survey.Epoch())
}
