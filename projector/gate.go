package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/generation"
	"humpty/projector/lease"
	"humpty/projector/ledger"
	"humpty/sinks"
	"humpty/sources"
)

// gateLoad holds what was read and written against the limits.
func (n *run) gateLoad() error {
	sum, _ := n.ledger.Totals()
	if sum.Rejected > n.Projection.Limits.Rejections {
		return n.ledger.TooMany(n.Projection.Limits.Rejections)
	}
	if poison, limit := max(sum.Inputs.Poison, ledger.Poisoned(n.view)), n.Projection.Limits.Poison; poison > limit {
		return &ledger.TooMuchPoison{Poison: poison, Limit: limit}
	}
	if err := n.shares.Check(n.input.Partitions); err != nil {
		return err
	}
	if !sum.Balances() {
		return &ledger.Unbalanced{Ledger: sum}
	}
	return n.Letters.Err()
}

// seal ends the load: settings as the user wants them, all copies there.
func (n *run) seal(ctx context.Context) error {
	err := n.candidate.Index.Seal(ctx, n.observer.Sealing)
	if n.canResolve(err) {
		n.candidate.Meta.SuspectLoss = true
		if err = n.candidate.Note(ctx, n.candidate.Meta.State); err == nil {
			err = n.candidate.Index.Seal(ctx, n.observer.Sealing)
		}
	}
	if err != nil {
		return fmt.Errorf("seal index %s: %w", n.record.Generation, err)
	}
	crashpoint.At("index sealed")
	sum, _ := n.ledger.Totals()
	n.candidate.Meta.Documents = sum.Written
	if n.capture != nil { // some were written again, some deleted
		count, err := n.candidate.Index.Count(ctx)
		if err != nil {
			return fmt.Errorf("count index %s: %w", n.record.Generation, err)
		}
		n.candidate.Meta.Documents = count
	}
	err = n.candidate.Note(ctx, sinks.Sealed)
	crashpoint.At("seal noted")
	return err
}

// swap lets the alias serve the generation, if nothing speaks against it now.
func (n *run) swap(ctx context.Context) error {
	if n.NoSwap {
		n.observer.Notice(fmt.Sprintf("not swapped, as asked; next: humpty swap %s --to %s", n.Projection.Name, n.record.Generation))
		return nil
	}
	survey, err := n.Target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	if err := n.gateEmpty(survey); err != nil {
		return err
	}
	if err := lease.Check(ctx, n.Target, n.fence); err != nil {
		return err
	}
	if err := n.gateAlias(survey); err != nil {
		return err
	}
	if err := n.stands(ctx); err != nil {
		return err
	}
	thaw, err := n.arrive(ctx, survey)
	if err != nil {
		return err
	}
	for i := range survey.Generations {
		if survey.Generations[i].Name == n.record.Generation {
			survey.Generations[i].Meta = n.candidate.Meta
		}
	}
	swap := func() error {
		if err := lease.Check(ctx, n.Target, n.fence); err != nil { // again: to arrive may have taken long, and the process have slept meanwhile
			return err
		}
		now, err := n.Target.Survey(ctx)
		if err != nil {
			return fmt.Errorf("survey the target: %w", err)
		}
		if err := n.gateAlias(now); err != nil {
			return err
		}
		_, err = generation.SwitchAlias(ctx, n.Target, survey, n.record.Generation, "", n.Projection.Name)
		crashpoint.At("alias read again")
		if err == nil {
			n.candidate.MarkLive()
		}
		return err
	}
	if n.handsOver() {
		err = n.handOver(ctx, swap)
	} else {
		err = swap()
	}
	if n.candidate.Meta.State != sinks.Live {
		if err = errors.Join(err, thaw()); !n.swappedLate(ctx) {
			return err
		}
		err = nil
	}
	err = errors.Join(err, generation.RecordStates(context.WithoutCancel(ctx), n.Target, survey, n.record.Generation))
	crashpoint.At("states settled")
	return err
}

// swappedLate reports whether a swap behind a block has taken effect after all, though it
// failed. The target does one change after the other, so when the block is lifted the swap is
// done or never comes; but while it was under way the alias could be read as it was before.
// Without a block whoever resumes the run finds that the alias serves it, and catches up.
func (n *run) swappedLate(ctx context.Context) bool {
	if n.capture == nil || n.Live.Writer != WriterFreeze {
		return false
	}
	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	survey, err := n.Target.Survey(ctx)
	if err != nil || survey.Live() != n.record.Generation {
		return false
	}
	n.candidate.MarkLive()
	n.observer.Notice(fmt.Sprintf("the swap was not confirmed, but alias %s serves %s", survey.Alias, n.record.Generation))
	return true
}

// stands makes sure that who goes on where the logs were read up to has not moved: a run
// with a capture goes on itself.
func (n *run) stands(ctx context.Context) error {
	standing, ok := n.view.(sources.GroupOffsetChecker)
	if !ok || n.capture != nil {
		return nil
	}
	err := standing.CheckGroupOffset(ctx)
	var gap *sources.ErrChangesLost
	if errors.As(err, &gap) {
		return &problem.Refusal{
			Why:    fmt.Sprintf("%s; generation %s is ready", gap.Why, n.record.Generation),
			Remedy: fmt.Sprintf("%s: humpty swap %s --to %s", gap.Remedy, n.Projection.Name, n.record.Generation),
		}
	}
	return err
}

// gateEmpty refuses to let nothing replace something: an empty source is more often
// a wrong database than the truth.
func (n *run) gateEmpty(survey sinks.Survey) error {
	if n.AllowEmpty || n.candidate.Meta.Documents > 0 {
		return nil
	}
	for _, serving := range survey.Serving {
		if serving.Documents > 0 {
			return &problem.Refusal{
				Why: fmt.Sprintf("the new generation %s is empty, but %s serves %d documents from %s: is this the right database?",
					n.record.Generation, survey.Alias, serving.Documents, serving.Index),
				Remedy: fmt.Sprintf("if an empty index is right: humpty rebuild %s --allow-empty", n.Projection.Name),
			}
		}
	}
	return nil
}
