package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
)

// Restore brings a generation back from a snapshot under a new name, repairs what has
// changed in the source since, proves it, and lets the alias serve it.
type Restore struct {
	Repair            // Generation is the new one's name, chosen by Run; DryRun does not count
	Repository string // of the snapshot
	Snapshot   string // its name
	NoSwap     bool
	Only       bool // bring it back and no more: an adoption makes it right and swaps it in
	Whole      bool // compare everything, also where topics say what came since the snapshot
}

// Run does the whole of it under the projection's lease. Errors as of Repair.Run; the
// alias is as it was unless the error is nil.
func (r *Restore) Run(ctx context.Context) (Result, error) {
	f := &repairer{comparison: newComparison(&r.Verify), Repair: &r.Repair, rejectedIDs: map[string]bool{}}
	f.Repair.DryRun = false
	b := &restorer{repairer: f, Restore: r}
	err := generation.UnderLease(ctx, r.Target, r.Owner, f.observer.Waiting, func(ctx context.Context, lease sinks.Lease) error {
		err := b.work(ctx, lease)
		return b.cleanUp(ctx, err)
	})
	return f.done(ctx, err)
}

// restorer is a Restore on its way.
type restorer struct {
	*repairer
	Restore   *Restore
	created   bool       // the index is there
	savedMeta sinks.Meta // of the snapshot
}

func (r *restorer) work(ctx context.Context, lease sinks.Lease) error {
	err := r.phase(ctx, report.PhaseRestore, func(ctx context.Context) error { return r.restore(ctx, lease) })
	if err != nil {
		return err
	}
	if r.Restore.Only {
		r.result.Generation = r.Generation
		return nil
	}
	proven, err := r.followTopics(ctx, lease)
	if err == nil && !proven {
		err = r.repairer.work(ctx, lease)
	}
	if err != nil {
		return err
	}
	if r.Restore.NoSwap {
		r.observer.Notice(fmt.Sprintf("not swapped, as asked; next: humpty swap %s --to %s", r.Projection.Name, printable.Shell(r.result.Generation)))
		return nil
	}
	return r.phase(ctx, report.PhaseSwap, r.swap)
}

func (r *restorer) restore(ctx context.Context, lease sinks.Lease) error {
	snapshots, ok := r.Target.(sinks.Snapshots)
	if !ok {
		return generation.ErrNoSnapshots
	}
	saved, err := snapshots.Saved(ctx, r.Restore.Repository, r.Restore.Snapshot)
	if err != nil {
		return err
	}
	if err := r.sameDefinition(saved.Meta.Definition); err != nil {
		return err
	}
	survey, err := r.Target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	r.Generation = generation.NewName(survey, time.Now())
	r.observer.Notice(fmt.Sprintf("%s of snapshot %s/%s, taken %s, comes back as %s",
		saved.Generation, saved.Repository, saved.Name, saved.Taken.Format(time.RFC3339), r.Generation))
	index, err := snapshots.Restore(ctx, saved, r.Generation, func(done, total int64) {
		r.observer.Tell(report.Event{Kind: report.Progress, Bytes: done, Done: done, Total: total})
	})
	if err != nil {
		return err
	}
	r.created = true
	return r.claim(ctx, index, survey, lease)
}

func (r *restorer) sameDefinition(hash string) error {
	if hash == "" || hash == r.Projection.Hash {
		return nil
	}
	return &problem.Refusal{
		Why:    "the index in the snapshot was made by another definition of the projection: its mapping or documents would not be what is asked for now",
		Remedy: fmt.Sprintf("humpty rebuild %s; or restore with the configuration of that time", r.Projection.Name),
	}
}

// claim makes the restored index a generation of this run: its meta is what it was when
// the snapshot was taken.
func (r *restorer) claim(ctx context.Context, index sinks.Index, before sinks.Survey, lease sinks.Lease) error {
	after, err := r.Target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	g, ok := after.Find(r.Generation)
	if !ok {
		return fmt.Errorf("index %s was restored, but its _meta does not say that it is a generation of alias %s", r.Generation, before.Alias)
	}
	if err := r.sameDefinition(g.Meta.Definition); err != nil {
		return err
	}
	r.savedMeta = g.Meta
	r.foreign = g.Meta.State == sinks.Live || g.Meta.State == sinks.Retired
	m := g.Meta
	m.KeepCount(before.Live())
	m.Run, m.State, m.Started, m.Updated = r.Owner.Run, sinks.Loading, r.began.UTC(), time.Now().UTC()
	m.Epoch, m.Verified, m.Reason, m.Previous = max(before.Epoch()+1, g.Meta.Epoch+1, lease.Fence), nil, "", before.Live()
	if err := index.Note(ctx, m); err != nil {
		return fmt.Errorf("note state %s in %s: %w", m.State, r.Generation, err)
	}
	return nil
}

// swap lets the alias serve what was restored.
func (r *restorer) swap(ctx context.Context) error {
	to := r.result.Generation
	gate := generation.Gate{Target: r.Target, Projection: r.Projection.Name, MaxShrink: r.Projection.Limits.MaxShrink, Saved: r.savedMeta, Notice: r.observer.Notice}
	s := generation.Switch{
		Target: r.Target, Projection: r.Projection.Name, Gate: gate.Check,
		To: func(sinks.Survey) (string, error) { return to, nil },
	}
	before, _, err := s.Do(ctx)
	if err != nil {
		return err
	}
	r.result.Serving = true
	return generation.RecordStates(ctx, r.Target, before, to)
}

// cleanUp writes the reason of a failure into the generation.
func (r *restorer) cleanUp(ctx context.Context, err error) error {
	if err == nil || !r.created || r.index == nil || r.generation.Meta.State == sinks.Verified {
		return err
	}
	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	m := &r.generation.Meta
	m.State, m.Reason = sinks.Failed, err.Error()
	return errors.Join(err, r.note(ctx))
}
