package projector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/generation"
	"humpty/projector/lease"
	"humpty/projector/ledger"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// begin writes down what the run is, or reads what it was when it goes on.
func (r *run) begin(ctx context.Context) error {
	if r.Live == nil {
		return nil
	}
	if _, ok := r.Source.(sources.Capturer); !ok {
		return errNotLive
	}
	j, err := checkpoint.ReadJournal(r.Live.Checkpoint)
	if err != nil {
		return err
	}
	switch {
	case r.Live.Resume && j.Run == nil:
		r.record.Resumable = false
		return checkpoint.ErrNotBegun
	case r.Live.Resume:
		r.logbook.journal = j
		return r.resume(ctx)
	case j.Run != nil:
		return &problem.Refusal{
			Why:    fmt.Sprintf("the state folder is that of run %s, which began %s", j.Run.Run, j.Run.Started.Format("2006-01-02 15:04:05")),
			Remedy: "go on with it: " + printable.Command("humpty", "resume", j.Run.Run),
		}
	}
	r.logbook.journal = j
	err = j.Begin(checkpoint.Run{
		Run: r.Owner.Run, Projection: r.Projection.Name, Alias: r.Projection.Alias, Definition: r.Projection.Hash, Text: r.Projection.Text,
		Generation: r.record.Generation, Previous: r.record.Previous, Started: r.logbook.began.UTC(),
		Readers: r.input.Readers, Rows: r.input.Rows, Bytes: r.input.Bytes, Partitions: r.input.Partitions, Adopts: r.Adopt != nil,
	}, r.logbook.began)
	if err == nil {
		crashpoint.At("run recorded")
		err = r.logbook.remember()
	}
	return err
}

// resume takes over from a process that ended. What it knew and is not written down is
// found again: the target says how far the generation is, the store which partitions
// are done and what is marked.
func (r *run) resume(ctx context.Context) error {
	was := r.logbook.journal.Run
	switch {
	case was.Projection != r.Projection.Name:
		return &problem.Refusal{Why: fmt.Sprintf("run %s is one of projection %s, not of %s", was.Run, was.Projection, r.Projection.Name)}
	case was.Definition != r.Projection.Hash:
		return &problem.Refusal{
			Why: fmt.Sprintf("projection %s was changed since run %s began: a generation has one definition%s",
				was.Projection, was.Run, changed(was.Text, r.Projection.Text)),
			Remedy: fmt.Sprintf("put it back and resume, or start anew with the new one: humpty rebuild %s --new", was.Projection),
		}
	case r.logbook.journal.Ended != nil:
		return r.logbook.journal.Ended.Refusal(was)
	}
	r.record.Run, r.record.Generation, r.record.Previous = was.Run, was.Generation, was.Previous
	r.record.Resumed, r.record.Started = r.record.Resumed || !r.logbook.resumedInProcess, was.Started
	r.gate.noticeChange()
	r.input.Partitions, r.input.Readers, r.input.Rows, r.input.Bytes = was.Partitions, was.Readers, was.Rows, was.Bytes
	r.accounts.addEarlier(r.logbook.journal.Done)
	r.logbook.startAttempt()
	r.observer.Notice(fmt.Sprintf("run %s goes on: %d of %d partitions are done", was.Run, len(r.logbook.journal.Done), len(was.Partitions)))
	g, ok := r.gate.before.Find(was.Generation)
	if !r.logbook.journal.Created && (!ok || was.Adopts) {
		return nil
	}
	if !ok || g.Meta.Run != was.Run {
		return &problem.Refusal{
			Why:    fmt.Sprintf("generation %s of run %s is gone: it was deleted, or made anew by somebody else", was.Generation, was.Run),
			Remedy: fmt.Sprintf("start anew: humpty rebuild %s --new", was.Projection),
			Err:    errGone,
		}
	}
	index, err := r.Target.Open(ctx, was.Generation)
	if err != nil {
		return fmt.Errorf("open index %s: %w", was.Generation, err)
	}
	if err := r.beginWriter(ctx, index, sinks.LeaseWriter); err != nil {
		return err
	}
	r.candidate.Name, r.candidate.Meta, r.candidate.Index = was.Generation, g.Meta, index
	r.candidate.Meta.Reason = ""
	r.candidate.AlreadyLive = r.gate.before.Live() == was.Generation
	r.candidate.ServedEarly = r.gate.before.Partial() == was.Generation
	r.record.Verified = g.Meta.Verified
	return nil
}

// beginWriter shuts out the processes of the run before this one. The lease is looked at behind
// it: who took it since shuts this process out, and who took it before is noticed.
func (r *run) beginWriter(ctx context.Context, index sinks.Index, role sinks.WriterRole) error {
	if err := generation.BeginWriter(ctx, index, role); err != nil {
		return err
	}
	return lease.Check(ctx, r.Target, r.lease)
}

// errGone is for a run whose generation is not there any more.
var errGone = errors.New("the generation is gone")

// changesShown is how many fields are named in which a definition was changed.
const changesShown = 10

// changed lists in what a definition is not what it was; nothing if one is not known.
func changed(was, is []byte) string {
	if len(was) == 0 || len(is) == 0 {
		return ""
	}
	var list strings.Builder
	for _, c := range canonjson.Diff(was, is, nil, changesShown) {
		fmt.Fprintf(&list, "\n  %s: was %s, is %s", c.Path, cmp.Or(c.Want, "not there"), cmp.Or(c.Have, "not there"))
	}
	return list.String()
}

// explainGap says what is left of a run that lost changes, and what to type.
func (r *run) explainGap(err error) error {
	var gap *sources.ErrChangesLost
	if !errors.As(err, &gap) {
		return err
	}
	name, left := r.Projection.Name, r.record.Generation
	switch {
	case r.Adopt != nil && r.adoption.serves:
		return fmt.Errorf("%w\nbegin again, with a capture of its own: humpty follow %s --adopt", err, name)
	case r.Live == nil || r.candidate.Index == nil:
		return fmt.Errorf("%w\nstart over: humpty rebuild %s", err, name)
	case r.Adopt != nil:
		return fmt.Errorf("%w\nbegin again, with a capture of its own: humpty swap %s --to %s", err, name, printable.Shell(left))
	}
	return fmt.Errorf("%w, so the run cannot go on\ngeneration %s holds %d of %d partitions; make it right for one reading of both sides, and let it serve: humpty swap %s --to %s; or start over: humpty rebuild %[5]s --new",
		err, left, len(r.logbook.journal.Done), len(r.input.Partitions), name, printable.Shell(left))
}

// canResume says whether a later process can resume a run that ended with err: nothing
// was found wrong, it only did not get to its end.
func (r *run) canResume(err error) bool {
	if err != nil && r.logbook.journal == nil {
		return r.record.Resumable
	}
	if err == nil || !r.logbook.journal.Unfinished() || errors.Is(err, errGone) {
		return false
	}
	var (
		gap        *sources.ErrChangesLost
		rejections *ledger.TooManyRejections
		poison     *ledger.TooMuchPoison
		unbalanced *ledger.Unbalanced
		differs    *verify.Differs
		unsettled  *catchup.Unsettled
		doubt      *sinks.ErrWritesLost
	)
	for _, fatal := range []any{&gap, &rejections, &poison, &unbalanced, &differs, &unsettled, &doubt} {
		if errors.As(err, fatal) {
			return false
		}
	}
	if r.Adopt != nil {
		return !r.adoption.refused
	}
	return r.candidate.Meta.State != sinks.Live || r.changes.handsOver() // which goes on behind the swap
}
