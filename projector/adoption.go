package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/load"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// Adopt makes a run take over a generation that is there, whatever was lost of it, instead of
// filling a new one. Changes are captured first. Then all documents are compared with what the
// source has since, and those that differ are marked like those that changed. The rounds of
// catch-up read them again and write them. From there it is followed or handed over as a
// generation of a rebuild, for one reading of both sides. One that does not serve yet is
// swapped in at the end.
type Adopt struct {
	Generation string // what the alias serves if empty
	Guard      Guard
	Redefined  bool          // another definition may have made it: all documents are made those of the present one
	Settle     time.Duration // on an index that the application writes to: how long a change may be on its way; 5 s if 0
}

// adoption is an Adopt on its way.
type adoption struct {
	run     *run
	serves  bool       // the alias served the generation when the run began: nothing is swapped
	was     sinks.Meta // of the generation, before this process claimed it
	refused bool       // nothing was written: the generation is as it was
	found   sinks.Verification
}

// prepare finds out whether a run adopts: one that is resumed does what it began.
func (a *adoption) prepare() (adopts bool, err error) {
	r := a.run
	if r.Live == nil && r.Adopt != nil {
		return true, &problem.Refusal{
			Why:    fmt.Sprintf("projection %s has consistency: snapshot: there is nothing to follow it by", r.Projection.Name),
			Remedy: "make the index right once: humpty repair " + r.Projection.Name,
		}
	}
	if r.Live == nil || !r.Live.Resume {
		return r.Adopt != nil, nil
	}
	was, err := checkpoint.ReadRun(r.Live.Checkpoint)
	if err != nil || was == nil {
		return false, err
	}
	if was.Adopts && r.Adopt == nil {
		r.Adopt = &Adopt{Guard: Guard{MaxDelete: -1, MaxStale: -1}}
	}
	if !was.Adopts {
		r.Adopt = nil
	}
	return was.Adopts, nil
}

// steps is an adoption from end to end.
func (a *adoption) steps() []step {
	r := a.run
	return []step{
		{report.PhasePlan, a.plan},
		{report.PhaseCreate, a.claim},
		{report.PhaseCapture, r.capture},
		{report.PhaseVerify, a.compare},
		{report.PhaseCatchUp, r.catchUp},
		{report.PhaseSeal, a.conclude},
		{report.PhaseSwap, a.swap},
	}
}

// plan plans as a rebuild does; a process that resumes finds out what it is about.
func (a *adoption) plan(ctx context.Context) error {
	r := a.run
	if err := r.plan(ctx); err != nil {
		return err
	}
	if !r.Live.Resume {
		return nil
	}
	was := r.logbook.journal.Run
	a.serves = was.Previous == was.Generation
	if a.serves && r.gate.before.Live() != was.Generation {
		return &problem.Refusal{
			Why: fmt.Sprintf("run %s began to make %s right while alias %s served it; it serves %s now",
				was.Run, was.Generation, r.Projection.Alias, orNothing(servingNames(r.gate.before))),
			Remedy: fmt.Sprintf("make right what it serves: humpty follow %s --adopt", r.Projection.Name),
			Err:    errGone,
		}
	}
	a.takeTurns()
	return nil
}

// choose finds the generation to be taken over, and refuses what cannot be made right.
func (a *adoption) choose(ctx context.Context, plan Plan) error {
	r, name, survey, project := a.run, a.run.Adopt.Generation, plan.Survey, a.run.Projection.Name
	if name == "" {
		name = survey.Live()
	}
	g, ok := survey.Find(name)
	switch other := write.SameVersions(g, project, r.Projection.Versions); {
	case name == "":
		return &problem.Refusal{
			Why:    fmt.Sprintf("alias %s does not serve one generation of humpty's: there is none to make right", survey.Alias),
			Remedy: fmt.Sprintf("make one: humpty rebuild %s", project),
		}
	case !ok:
		return &problem.Refusal{Why: fmt.Sprintf("index %s is not a generation of alias %s", name, survey.Alias), Remedy: fmt.Sprintf("humpty status %s lists them", project)}
	case survey.Partial() == name:
		return &problem.Refusal{
			Why:    fmt.Sprintf("%s is partial: its load never ended, and the alias refuses writes until then", name),
			Remedy: fmt.Sprintf("humpty rebuild %s", project),
		}
	case other != nil:
		return other
	case g.Meta.Definition != r.Projection.Hash && !r.Adopt.Redefined:
		return &problem.Refusal{
			Why:    fmt.Sprintf("%s was made by another definition of projection %s: its mapping or its documents may not be what is asked for now", name, project),
			Remedy: fmt.Sprintf("put the definition back; or make all its documents those of the present one: humpty follow %s --adopt --new-definition; or fill a new generation: humpty rebuild %[1]s", project),
		}
	}
	if err := generation.CheckLogs(ctx, g, r.Source, plan.Source.Starts, r.observer.Notice); err != nil {
		return err
	}
	r.record.Generation, a.serves, r.gate.through.Saved = name, survey.Live() == name, g.Meta
	r.observer.Notice(fmt.Sprintf("%s is made right: changes are captured from now on, all documents are compared, and those that differ are written again", name))
	for _, note := range plan.Source.Notes {
		r.observer.Notice(note)
	}
	a.takeTurns()
	return nil
}

// takeTurns lets the application write first where it writes to what is made right: documents
// are written only if they still are as they were seen.
func (a *adoption) takeTurns() {
	if r := a.run; a.serves && r.Live.Writer == WriterFreeze {
		live := *r.Live
		live.Writer = WriterHandover
		r.Live = &live
	}
}

// claim makes the generation one of this run, with an epoch that is above all versions in it.
// What an earlier run captured for it goes: its slot may be the one that is missing here.
func (a *adoption) claim(ctx context.Context) error {
	r, c := a.run, a.run.candidate
	r.accounts.book.SetIndex(r.record.Generation)
	c.Name = r.record.Generation
	if c.Index != nil {
		a.was = c.Meta
		return nil
	}
	g, _ := r.gate.before.Find(c.Name)
	index, err := r.Target.Open(ctx, c.Name)
	if err != nil {
		return fmt.Errorf("open index %s: %w", c.Name, err)
	}
	if err := a.sameMapping(ctx, index, g); err != nil {
		return err
	}
	if source, ok := r.Source.(sources.Capturer); ok && g.Meta.Run != r.Owner.Run {
		if err := source.Release(ctx, g.Meta.Run); err != nil {
			return fmt.Errorf("release the capture of run %s, which had %s: %w", g.Meta.Run, c.Name, err)
		}
	}
	if err := r.beginWriter(ctx, index, sinks.FollowWriter); err != nil { // what a dead follow sent must not land any more
		return err
	}
	c.AlreadyLive = a.serves
	if a.serves && r.Live.Writer == WriterHandover {
		if err := a.writeOnCondition(index); err != nil {
			return err
		}
	}
	c.Index, c.Meta, a.was = index, g.Meta, g.Meta
	c.Meta.KeepCount(r.gate.before.Live())
	c.Meta.Run, c.Meta.Epoch, c.Meta.Definition = r.Owner.Run, max(r.gate.before.Epoch()+1, r.lease.Fence), r.Projection.Hash
	c.Meta.Verified, c.Meta.Reason = nil, ""
	if !a.serves {
		c.Meta.Previous = r.record.Previous
	}
	if err := c.Note(ctx, sinks.CatchingUp); err != nil {
		return err
	}
	crashpoint.At("adoption noted")
	return r.logbook.journal.RecordCreated()
}

// writeOnCondition makes the run's rounds write beside the application, from the first on.
func (a *adoption) writeOnCondition(index sinks.Index) error {
	if !catchup.CanHandOver(index) {
		return catchup.ErrNoHandover
	}
	return a.run.Live.Checkpoint.Swap.Record()
}

// sameMapping refuses an index whose mapping is not that of the definition that it is to have.
func (a *adoption) sameMapping(ctx context.Context, index sinks.Index, g sinks.Generation) error {
	r := a.run
	if g.Meta.Definition == r.Projection.Hash {
		return nil
	}
	proof, err := verify.Prove(ctx, r.Target, index, r.Projection.Index, nil, "")
	if err != nil || len(proof.Deviations) == 0 {
		return err
	}
	a.refused = true
	return &problem.Refusal{
		Why:    fmt.Sprintf("mapping or settings of %s are not those of the present definition: %s", g.Name, proof.Deviations[0]),
		Remedy: fmt.Sprintf("fill a new generation: humpty rebuild %s", r.Projection.Name),
	}
}

// compare marks every document that is not as the source has it. What changes meanwhile is
// marked by the capture, which began before.
func (a *adoption) compare(ctx context.Context) error {
	r, j := a.run, a.run.logbook.journal
	view, err := load.Open(ctx, r.changes.source(), r.observer)
	if err != nil {
		return err
	}
	r.accounts.view = view
	r.accounts.partitions = ledger.NewPartitions(r.accounts.limits.Rejections, nil, nil)
	if j.Found == nil {
		if err := a.mark(ctx, view); err != nil {
			return err
		}
	}
	a.found = *j.Found
	r.accounts.endPass("load")
	return r.accounts.endLoad(j, r.changes.keptRefusals())
}

func (a *adoption) mark(ctx context.Context, view sources.View) error {
	r, c := a.run, a.run.candidate
	if fenced, ok := view.(sources.EndOffsets); ok {
		if _, err := generation.CheckEnds(sinks.Generation{Name: c.Name, Meta: c.Meta}, fenced.EndOffsets()); err != nil {
			return errors.Join(err, a.giveBack(ctx))
		}
	}
	ignore, err := canonjson.ParsePaths(r.Projection.Verify.Ignore)
	if err != nil {
		return err
	}
	differing := verify.NewList("")
	defer func() { _ = differing.Close() }() // a temporary file
	check := verify.Check{
		View: view, Source: r.changes.source(), Plan: r.input, Index: c.Index, Level: verify.Full, Ignore: ignore,
		Writes: verify.Writes{SettleTime: r.Adopt.Settle}, Batch: min(r.Projection.Limits.Batch, verify.BatchBytes),
		Output: verify.Output{Show: verify.DetailsShown, Each: differing.Add, Progress: func(docs, bytes int64) {
			r.observer.Compared(docs, max(c.Meta.Documents, 0), bytes)
		}},
	}
	if !r.changes.handsOver() || !a.serves { // nobody writes to it: there is nothing to wait for
		check.CatchUp = func(context.Context, func([][]byte)) error { return nil }
	}
	found, err := check.Run(ctx)
	if err != nil {
		return err
	}
	if err := a.guard(found.Verification); err != nil {
		return errors.Join(err, a.giveBack(ctx))
	}
	crashpoint.At("differences found")
	err = differing.Batches(markedAtOnce, func(some []verify.Difference) error {
		keys := make([]sources.DirtyKey, len(some))
		for i, d := range some {
			keys[i].Key = d.ID
		}
		_, err := r.Live.Checkpoint.Record([]sources.ChangeSet{{Keys: keys}})
		return err
	})
	if err != nil {
		return err
	}
	r.observer.Notice(fmt.Sprintf("%d documents are missing, %d stale, %d extra: they are written again", found.Missing, found.Stale, found.Extra))
	crashpoint.At("differences marked")
	return r.durability.recordFound(ctx, r.logbook.journal, found.Verification)
}

// markedAtOnce is how many differing documents are marked in one durable step.
const markedAtOnce = 10_000

// guard refuses what a broken source would ask for.
func (a *adoption) guard(v sinks.Verification) error {
	r := a.run
	indexed := v.Documents - v.Missing + v.Extra
	again := fmt.Sprintf("humpty follow %s --adopt", r.Projection.Name)
	if !a.serves {
		again = printable.Command("humpty", "swap", r.Projection.Name, "--to", r.record.Generation)
	}
	if most := r.Adopt.Guard.Deletable(indexed); v.Extra > most {
		return &problem.Refusal{
			Why: fmt.Sprintf("%d of the %d documents of %s are not in the source; at most %d may be deleted: is a table empty, truncated or filtered by mistake? Nothing was written",
				v.Extra, indexed, r.record.Generation, most),
			Remedy: fmt.Sprintf("look at them: humpty verify %s --generation %s --ids FILE\nif they must go: %s --max-delete %d",
				r.Projection.Name, printable.Shell(r.record.Generation), again, v.Extra),
		}
	}
	if most := r.Adopt.Guard.Overwritable(indexed); a.serves && v.Stale > most && !r.Adopt.Redefined {
		return &problem.Refusal{
			Why: fmt.Sprintf("%d of the %d documents of %s, which serves, are not as the source has them; at most %d may be overwritten: is a table of an include empty? Nothing was written",
				v.Stale, indexed, r.record.Generation, most),
			Remedy: fmt.Sprintf("look at them: humpty verify %s --diff 10\nif they are to be overwritten: %s --max-stale %d", r.Projection.Name, again, v.Stale),
		}
	}
	return nil
}

// giveBack leaves a generation that nothing was written to in the state that it had.
func (a *adoption) giveBack(ctx context.Context) error {
	c := a.run.candidate
	a.refused = true
	c.Meta.Verified, c.Meta.Reason, c.Meta.Definition = a.was.Verified, a.was.Reason, a.was.Definition
	return c.Note(ctx, a.was.State)
}

// conclude proves a generation that was caught up with. One that does not serve is sealed and
// asked as that of a rebuild is; one that serves is caught up with to a last fence, or handed
// over.
func (a *adoption) conclude(ctx context.Context) error {
	r, c := a.run, a.run.candidate
	if c.AlreadyLive && !a.serves { // an earlier process died behind the swap
		return nil
	}
	switch {
	case !a.serves:
		if err := r.seal(ctx); err != nil {
			return err
		}
	case r.changes.handsOver():
		if err := r.cutover.handOver(ctx, func() error { return nil }); err != nil {
			return err
		}
	default:
		if err := errors.Join(r.changes.settle(ctx), generation.EndWriter(ctx, c.Index)); err != nil {
			return err
		}
	}
	if err := r.accounts.gate(); err != nil {
		return err
	}
	documents, err := c.Index.Count(ctx) // refreshes: a search sees all of it
	if err != nil {
		return fmt.Errorf("count index %s: %w", c.Name, err)
	}
	proof, err := verify.Prove(ctx, r.Target, c.Index, r.Projection.Index, r.Projection.Verify.Queries, r.gate.before.Live())
	if err != nil {
		return err
	}
	r.record.Deviations, r.record.Queries = proof.Deviations, proof.Answers
	if !a.serves {
		if err := proof.Judge(verify.Report{}); err != nil {
			return err
		}
	} else if len(proof.Deviations) > 0 {
		r.observer.Notice("mapping or settings are not those of the definition: " + proof.Deviations[0])
	}
	proven := a.found
	proven.Repaired = proven.Missing + proven.Stale + proven.Extra
	proven.Missing, proven.Stale, proven.Extra, proven.Sum, proven.Documents, proven.At = 0, 0, 0, "", documents, time.Now().UTC()
	c.Meta.Verified, c.Meta.Documents, r.record.Verified = &proven, documents, &proven
	r.changes.noteFence()
	err = c.Note(ctx, sinks.Verified)
	crashpoint.At("adoption proven")
	return err
}

// swap lets the alias serve the generation, unless it did when the run began.
func (a *adoption) swap(ctx context.Context) error {
	if !a.serves {
		return a.run.cutover.swap(ctx)
	}
	c := a.run.candidate
	if !slices.Contains(servingNames(a.run.gate.before), c.Name) || len(c.Meta.PendingSettings) == 0 {
		return nil
	}
	if err := c.Index.Seal(ctx, a.run.observer.Sealing); err != nil { // a run that died behind its swap left them
		return fmt.Errorf("put the settings of %s right: %w", c.Name, err)
	}
	return nil
}
