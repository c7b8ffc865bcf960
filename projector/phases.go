package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/load"
	"humpty/projector/pace"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// plan reads what there is, and tells the user what that means.
func (r *run) plan(ctx context.Context) error {
	plan, err := r.Plan(ctx)
	if err != nil {
		return err
	}
	resumed := r.Live != nil && r.Live.Resume
	if err := plan.Definition.Err(); err != nil && !resumed {
		return err
	}
	if err := plan.Source.Refusal(); err != nil && !resumed { // a resumed run has what it read in its state folder
		return err
	}
	r.gate.before, r.input = plan.Survey, plan.Source
	r.record.Generation, r.record.Previous = plan.Generation, plan.Survey.Live()
	if r.Adopt != nil && !resumed {
		if err := r.adoption.choose(ctx, plan); err != nil {
			return err
		}
	} else if !resumed { // else the user was told already, and the journal has the partitions in their order
		plan.tell(r.observer)
		if r.ServeEarly { // the newest first: the order is that of the keys
			r.input.Partitions = slices.Clone(r.input.Partitions)
			slices.Reverse(r.input.Partitions)
		}
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.observer.Expect(r.input.Rows, r.Live != nil, r.gate.before)
	return r.gate.servingEarly()
}

// create makes the generation's index, unless an earlier process of the run did.
func (r *run) create(ctx context.Context) error {
	c, def := r.candidate, r.Projection
	r.accounts.book.SetIndex(r.record.Generation)
	c.Name = r.record.Generation
	if c.Index != nil {
		return nil
	}
	c.Meta = sinks.Meta{
		Schema:     1,
		Alias:      def.Alias,
		Projection: def.Name,
		Run:        r.Owner.Run,
		State:      sinks.Creating,
		Epoch:      max(r.gate.before.Epoch()+1, r.lease.Fence),
		Versions:   def.Versions,
		Definition: def.Hash,
		Started:    r.logbook.began.UTC(),
		Updated:    time.Now().UTC(),
		Previous:   r.record.Previous,
	}
	index, err := r.Target.Create(ctx, sinks.Generation{Name: c.Name, Definition: def.Index, Meta: c.Meta})
	if err != nil {
		return fmt.Errorf("create index %s: %w", c.Name, err)
	}
	crashpoint.At("index made")
	c.Index = index
	if r.logbook.journal == nil {
		return nil
	}
	err = r.logbook.journal.RecordCreated()
	crashpoint.At("index recorded")
	return err
}

// capture begins to capture changes, where the source is not at rest.
func (r *run) capture(ctx context.Context) error {
	if err := r.changes.start(ctx); err != nil || r.changes.capture == nil {
		return err
	}
	begun := r.Live.Resume && r.Adopt == nil && r.candidate.Index != nil && len(r.logbook.journal.Undone(r.input.Partitions)) > 0
	return r.durability.watchSource(ctx, r.logbook.journal, begun)
}

// load reads every partition once and writes what it gives.
func (r *run) load(ctx context.Context) error {
	a, c, journal := r.accounts, r.candidate, r.logbook.journal
	if err := c.Note(ctx, sinks.Loading); err != nil {
		return err
	}
	crashpoint.At("load noted")
	if r.Live != nil && r.Live.Resume {
		if err := r.logbook.recountRedone(ctx, c, r.input.Partitions); err != nil {
			return err
		}
	}
	view, err := load.Open(ctx, r.changes.source(), r.observer)
	if err != nil {
		return err
	}
	a.view, a.planned = view, r.input.Partitions
	if ends, ok := view.(sources.EndOffsets); ok {
		c.Meta.Positions = generation.FormatPositions(ends.EndOffsets())
		r.record.Positions = generation.Offsets(c.Meta.Positions)
	}
	if c.Meta.Starts == nil { // those of a resumed run stay
		c.Meta.Starts = generation.FormatStarts(r.input.Starts)
	}
	if err := r.durability.watchSnapshot(ctx, view); err != nil {
		return err
	}
	a.partitions = ledger.NewPartitions(a.limits.Rejections, journal.Sums(), r.whenFlushed(journal.PartitionDone()))
	o := load.Options{
		View: view, Partitions: journal.Undone(a.planned), Readers: max(r.input.Readers, 1), Writers: a.limits.Writers, InFlight: a.limits.InFlight,
		Index: c.Index, Base: c.BaseVersion(), ByRow: r.Projection.Versions == sinks.ByRow, Book: a.book, Accounts: a.partitions, MaxRejections: a.limits.Rejections,
		Limiter: r.pacing.limiter,
		AfterBatch: func(ctx context.Context) error {
			if !r.ServeEarly {
				return nil
			}
			return c.ServeEarly(ctx)
		},
	}
	err = r.pacing.load(ctx, func(ctx context.Context, controller *pace.Controller) error {
		o.Pace = controller
		o.Progress = func(sum ledger.Ledger) {
			r.observer.Progress(sum, a.earlier, r.input.Rows, controller.Setting().Requests, controller.LastDecision())
		}
		return load.Run(ctx, o)
	})
	r.record.Inputs, r.record.Offsets = a.partitions.Inputs(view), ledger.Offsets(view)
	a.endPass("load")
	if err != nil {
		r.durability.recordDone(ctx)
		return err
	}
	if err := a.endLoad(journal, r.changes.keptRefusals()); err != nil {
		return err
	}
	if err := r.durability.check(ctx); err != nil {
		return err
	}
	return a.gate()
}

// whenFlushed has a partition written down as done when the source has flushed what was read
// there: one that it may take back is read again.
func (r *run) whenFlushed(done ledger.OnDone) ledger.OnDone {
	if done == nil {
		return nil
	}
	return func(partition string, sum ledger.Ledger, rejections []ledger.Rejection) error {
		return r.changes.flush.Add(func() error { return done(partition, sum, rejections) })
	}
}

// catchUp brings the generation near to the present, round by round. Without a capture
// there is nothing to do: the source is one snapshot of tables at rest.
func (r *run) catchUp(ctx context.Context) error {
	c := r.changes
	if c.capture == nil || c.arrivedBefore() { // nothing is written any more
		return generation.EndWriter(ctx, r.candidate.Index)
	}
	if err := generation.BeginWriter(ctx, r.candidate.Index, sinks.LeaseWriter); err != nil { // nothing of the load lands behind a catch-up's deletion
		return err
	}
	if err := r.candidate.Note(ctx, sinks.CatchingUp); err != nil {
		return err
	}
	crashpoint.At("catch-up noted")
	writer := &write.Writer{
		Index: r.candidate.Index, Base: r.candidate.BaseVersion(), ByRow: r.Projection.Versions == sinks.ByRow, Book: r.accounts.book, Throttle: write.Throttle{Limiter: r.pacing.limiter},
	}
	if err := c.startRounds(r.accounts.view, writer); err != nil {
		return err
	}
	writer.Throttle.Pace = r.pacing.startCatchUp()
	if err := c.rounds.UntilNear(ctx, r.durability.check, r.afterRound); err != nil {
		return err
	}
	return c.catchUp(ctx)
}

// afterRound books what a round wrote, and makes it durable.
func (r *run) afterRound(round report.Round, took time.Duration) error {
	r.accounts.endPass(fmt.Sprintf("catch-up %d", len(r.record.Rounds)))
	if err := r.logbook.remember(); err != nil {
		return err
	}
	text := fmt.Sprintf("round %d: %d marks, %d documents read again in %.1f s", len(r.record.Rounds), round.Marks, round.Reread, took.Seconds())
	if last := r.pacing.catchUp.LastDecision(); last != "" {
		text += "; " + last
	}
	r.observer.Waiting(text)
	return nil
}

// seal ends the load: settings as the user wants them, all copies there.
func (r *run) seal(ctx context.Context) error {
	c := r.candidate
	err := c.Index.Seal(ctx, r.observer.Sealing)
	if r.durability.resolvable(err) {
		c.Meta.SuspectLoss = true
		if err = c.Note(ctx, c.Meta.State); err == nil {
			err = c.Index.Seal(ctx, r.observer.Sealing)
		}
	}
	if err != nil {
		return fmt.Errorf("seal index %s: %w", c.Name, err)
	}
	crashpoint.At("index sealed")
	sum, _ := r.accounts.book.Totals()
	c.Meta.Documents = sum.Written
	if r.changes.capture != nil { // some were written again, some deleted
		count, err := c.Index.Count(ctx)
		if err != nil {
			return fmt.Errorf("count index %s: %w", c.Name, err)
		}
		c.Meta.Documents = count
	}
	err = c.Note(ctx, sinks.Sealed)
	crashpoint.At("seal noted")
	return err
}

// verify is the gate before the swap: the sealed generation against the view it was loaded
// from, its mapping and settings against what was asked for, and the user's queries.
func (r *run) verify(ctx context.Context) error {
	c, policy := r.candidate, r.Projection.Verify
	ignore, err := canonjson.ParsePaths(policy.Ignore)
	if err != nil {
		return err
	}
	check := verify.Check{
		View: r.accounts.view, Plan: r.input, Index: c.Index,
		Level: policy.EffectiveLevel(), Budget: policy.Budget, Ignore: ignore,
		Exact: true, Writes: verify.Writes{Static: true}, // nobody else knows the generation, and the view does not move
		Refusals: r.accounts.book.Refusals(), Documents: c.Meta.Documents,
		Batch: min(r.Projection.Limits.Batch, verify.BatchBytes),
		Output: verify.Output{Show: verify.DetailsShown, Progress: func(docs, bytes int64) {
			r.observer.Compared(docs, c.Meta.Documents, bytes)
		}},
	}
	if r.changes.capture != nil { // what differs is read again when everything committed has been caught up with
		check.Static, check.Source, check.Documents = false, r.changes.source(), 0
		check.CatchUp = r.changes.catchUpTelling
	}
	found, err := r.durability.compare(ctx, check)
	if err != nil {
		return err
	}
	r.record.Verified, r.record.Differing = &found.Verification, found.First
	if text := found.Shortfall(); text != "" {
		r.observer.Notice(text)
	}
	proof, err := verify.Prove(ctx, r.Target, c.Index, r.Projection.Index, policy.Queries, r.gate.before.Live())
	if err != nil {
		return err
	}
	r.record.Deviations, r.record.Queries = proof.Deviations, proof.Answers
	if err := proof.Judge(found); err != nil {
		return err
	}
	if err := r.durability.confirm(ctx); err != nil {
		return err
	}
	found.Poison = r.accounts.poison()
	c.Meta.Verified, c.Meta.PhaseSeconds = &found.Verification, r.logbook.phaseSeconds(r.observer)
	generation.NoteRefused(&c.Meta, r.accounts.book.Refusals(), found.Poison)
	crashpoint.At("compared")
	err = c.Note(ctx, sinks.Verified)
	crashpoint.At("verification noted")
	return err
}
