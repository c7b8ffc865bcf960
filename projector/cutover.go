package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/crashpoint"
	"humpty/internal/printable"
	"humpty/internal/wait"
	"humpty/projector/catchup"
	"humpty/projector/generation"
	"humpty/projector/lease"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sinks"
)

// cutover lets the alias serve the candidate, in the way that the writers besides ask for.
type cutover struct {
	rebuild   *Rebuild
	candidate *generation.Candidate
	gate      *gate
	changes   *changes
	accounts  *accounts
	observer  *report.Observer
	lease     sinks.Lease
}

// swap lets the alias serve the generation, if nothing speaks against it now.
func (c *cutover) swap(ctx context.Context) error {
	r, name := c.rebuild, c.candidate.Name
	if r.NoSwap {
		if err := generation.EndWriter(ctx, c.candidate.Index); err != nil {
			return err
		}
		c.observer.Notice(fmt.Sprintf("not swapped, as asked; next: humpty swap %s --to %s", r.Projection.Name, printable.Shell(name)))
		return nil
	}
	before, err := c.mayServe(ctx)
	if err != nil {
		return err
	}
	unblock, err := c.finalCatchUp(ctx, before)
	if err != nil {
		return err
	}
	swap := func() error {
		survey, err := c.switchAlias(ctx)
		if survey.Alias != "" {
			before = survey
		}
		return err
	}
	if c.changes.handsOver() {
		err = c.handOver(ctx, swap)
	} else {
		err = swap()
	}
	if c.candidate.Meta.State != sinks.Live {
		if err = errors.Join(err, unblock()); !c.swappedLate(ctx) {
			return err
		}
		err = nil
	}
	c.noteRefused(before)
	err = errors.Join(err, generation.RecordStates(context.WithoutCancel(ctx), r.Target, before, name))
	crashpoint.At("states settled")
	return err
}

// noteRefused has what is noted with the swap say what is refused by now.
func (c *cutover) noteRefused(survey sinks.Survey) {
	for i := range survey.Generations {
		if g := &survey.Generations[i]; g.Name == c.candidate.Name {
			generation.NoteRefused(&g.Meta, c.accounts.book.Refusals(), c.accounts.poison())
			if v := g.Meta.Verified; v != nil {
				now := *v
				now.Rejected, now.Poison = c.accounts.book.Refusals().Len(), c.accounts.poison()
				g.Meta.Verified = &now
			}
		}
	}
}

// mayServe asks all gates, and returns what the alias serves.
func (c *cutover) mayServe(ctx context.Context) (sinks.Survey, error) {
	survey, err := c.rebuild.Target.Survey(ctx)
	if err != nil {
		return survey, fmt.Errorf("survey the target: %w", err)
	}
	if err := c.gate.empty(survey); err != nil {
		return survey, err
	}
	if err := lease.Check(ctx, c.rebuild.Target, c.lease); err != nil {
		return survey, err
	}
	if err := c.gate.alias(survey); err != nil {
		return survey, err
	}
	if change, err := survey.SwapTo(c.candidate.Name, ""); err == nil { // else the switch says what is in the way
		if err := c.gate.through.Check(ctx, survey, change); err != nil {
			return survey, err
		}
	}
	return survey, c.gate.groupOffset(ctx, c.accounts.view, c.changes.capture != nil)
}

// switchAlias swaps, if the lease and the alias are still as they were: to catch up may have
// taken long, and the process have slept meanwhile. The change is that of the alias as it is
// then, with what an operator has set on it in the meantime. before is what it served.
func (c *cutover) switchAlias(ctx context.Context) (before sinks.Survey, err error) {
	target := c.rebuild.Target
	more, err := c.nextWriter(ctx)
	if err != nil {
		return before, err
	}
	if err := lease.Check(ctx, target, c.lease); err != nil {
		return before, err
	}
	again := c.gate.through
	again.Notice = nil // was told before
	s := generation.Switch{
		Target: target, Projection: c.rebuild.Projection.Name, More: more,
		To: func(sinks.Survey) (string, error) { return c.candidate.Name, nil },
		Gate: func(ctx context.Context, survey sinks.Survey, change sinks.AliasChange) error {
			if err := c.gate.alias(survey); err != nil {
				return err
			}
			return again.Check(ctx, survey, change)
		},
	}
	before, _, err = s.Do(ctx)
	crashpoint.At("alias read again")
	for i := range before.Generations { // what the run knows of it is newer than what it noted last
		if g := &before.Generations[i]; g.Name == c.candidate.Name {
			g.Meta = c.candidate.Meta
		}
	}
	if err == nil {
		c.candidate.MarkLive()
	}
	return before, err
}

// nextWriter ends the catch-up's writer, and begins that of the pass behind the swap, where there
// is one: its name comes with the swap.
func (c *cutover) nextWriter(ctx context.Context) ([]sinks.AliasAction, error) {
	if err := generation.EndWriter(ctx, c.candidate.Index); err != nil {
		return nil, err
	}
	crashpoint.At("catch-up ended")
	fence, ok := c.candidate.Index.(sinks.WriterFence)
	if !ok || !c.changes.handsOver() {
		return nil, nil
	}
	next, err := fence.NextWriter(ctx)
	return []sinks.AliasAction{next}, err
}

// finalCatchUp brings the generation up to everything that is committed, right before the
// swap. unblock undoes the block of the old index, for the case that the swap fails.
func (c *cutover) finalCatchUp(ctx context.Context, survey sinks.Survey) (unblock func() error, err error) {
	unblock = func() error { return nil }
	if c.changes.capture == nil || c.changes.arrivedBefore() {
		return unblock, nil
	}
	if c.changes.frozen() {
		if unblock, err = c.candidate.BlockWrites(ctx, survey); err != nil {
			return unblock, err
		}
	}
	if err := c.changes.settle(ctx); err != nil {
		return unblock, errors.Join(fmt.Errorf("catch up before the swap: %w", err), unblock())
	}
	c.changes.noteFence()
	c.changes.record.Offsets = ledger.Offsets(c.accounts.view)
	crashpoint.At("arrived")
	if _, err := c.candidate.Index.Count(ctx); err != nil { // refreshes: a search right after the swap must see everything
		return unblock, errors.Join(err, unblock())
	}
	return unblock, c.accounts.gate()
}

// handOver swaps, and ends. Everything before the swap is as in any other way.
func (c *cutover) handOver(ctx context.Context, swap func() error) error {
	if err := c.rebuild.Live.Checkpoint.Swap.Record(); err != nil {
		return err
	}
	crashpoint.At("handover recorded")
	if err := swap(); err != nil {
		return err
	}
	c.observer.Waiting("the alias is swapped; what was committed before is settled beside the application")
	h, err := catchup.NewHandover(c.changes.rounds)
	if err != nil {
		return err
	}
	err = errors.Join(h.End(ctx, c.changes.capture, c.rebuild.Projection.Name), c.rejectedBehindSwap(), generation.EndWriter(ctx, c.candidate.Index))
	crashpoint.At("handover ended")
	return err
}

func (c *cutover) rejectedBehindSwap() error {
	err := c.accounts.gate()
	var many *ledger.TooManyRejections
	if !errors.As(err, &many) {
		return err
	}
	u := &catchup.Unsettled{Projection: c.rebuild.Projection.Name, Documents: many.Rejected, Why: "they were rejected"}
	for _, r := range many.First {
		u.First = append(u.First, r.ID)
	}
	return u
}

// swappedLate reports whether a swap behind a block has taken effect after all, though it
// failed. The target does one change after the other, so when the block is lifted the swap is
// done or never comes; but while it was under way the alias could be read as it was before.
// Without a block a run that is resumed finds that the alias serves it, and catches up.
func (c *cutover) swappedLate(ctx context.Context) bool {
	if !c.changes.frozen() {
		return false
	}
	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	survey, err := c.rebuild.Target.Survey(ctx)
	if err != nil || survey.Live() != c.candidate.Name {
		return false
	}
	c.candidate.MarkLive()
	c.observer.Notice(fmt.Sprintf("the swap was not confirmed, but alias %s serves %s", survey.Alias, c.candidate.Name))
	return true
}

// untilSwapped leaves out what has been done, and cannot be done again when a run is resumed
// behind its swap: the application writes to the generation.
func (c *cutover) untilSwapped(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if c.candidate.AlreadyLive && (c.changes.handsOver() || c.changes.arrivedBefore()) {
			return nil
		}
		return do(ctx)
	}
}
