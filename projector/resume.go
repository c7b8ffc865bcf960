package projector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// begin writes down what the run is, or reads what it was when it goes on.
func (n *run) begin(ctx context.Context) error {
	if n.Live == nil {
		return nil
	}
	if _, ok := n.Source.(sources.Capturer); !ok {
		return errNotLive
	}
	j, err := checkpoint.ReadJournal(n.Live.Checkpoint)
	if err != nil {
		return err
	}
	switch {
	case n.Live.Resume && j.Run == nil:
		n.record.Resumable = false
		return checkpoint.ErrNotBegun
	case n.Live.Resume:
		n.journal = j
		return n.goOn(ctx)
	case j.Run != nil:
		return &problem.Refusal{
			Why:    fmt.Sprintf("the state folder is that of run %s, which began %s", j.Run.Run, j.Run.Started.Format("2006-01-02 15:04:05")),
			Remedy: "go on with it: humpty resume " + j.Run.Run,
		}
	}
	n.journal = j
	err = j.Begin(checkpoint.Run{
		Run: n.Owner.Run, Projection: n.Projection.Name, Alias: n.Projection.Alias, Definition: n.Projection.Hash, Text: n.Projection.Text,
		Generation: n.record.Generation, Previous: n.record.Previous, Started: n.began.UTC(),
		Readers: n.input.Readers, Rows: n.input.Rows, Bytes: n.input.Bytes, Partitions: n.input.Partitions,
	}, n.began)
	if err == nil {
		crashpoint.At("run recorded")
		err = n.remember()
	}
	return err
}

// goOn takes over from a process that ended. What it knew and is not written down is
// found again: the target says how far the generation is, the store which partitions
// are done and what is marked.
func (n *run) goOn(ctx context.Context) error {
	was := n.journal.Run
	switch {
	case was.Projection != n.Projection.Name:
		return &problem.Refusal{Why: fmt.Sprintf("run %s is one of projection %s, not of %s", was.Run, was.Projection, n.Projection.Name)}
	case was.Definition != n.Projection.Hash:
		return &problem.Refusal{
			Why: fmt.Sprintf("projection %s was changed since run %s began: a generation has one definition%s",
				was.Projection, was.Run, changed(was.Text, n.Projection.Text)),
			Remedy: fmt.Sprintf("put it back and resume, or start anew with the new one: humpty rebuild %s --new", was.Projection),
		}
	case n.journal.Ended != nil:
		return n.journal.Ended.Refusal(was)
	}
	n.record.Run, n.record.Generation, n.record.Previous = was.Run, was.Generation, was.Previous
	n.record.Resumed, n.record.Started = n.record.Resumed || !n.again, was.Started
	n.noticeAlias()
	n.input.Partitions, n.input.Readers, n.input.Rows, n.input.Bytes = was.Partitions, was.Readers, was.Rows, was.Bytes
	for _, share := range n.journal.Done {
		n.ledger.AddEarlier(share.Ledger, share.Rejections)
		n.earlier += share.Ledger.Produced
	}
	n.attempt()
	n.observer.Notice(fmt.Sprintf("run %s goes on: %d of %d partitions are done", was.Run, len(n.journal.Done), len(was.Partitions)))
	g, ok := n.survey.Find(was.Generation)
	if !ok && !n.journal.Created {
		return nil
	}
	if !ok || g.Meta.Run != was.Run {
		return &problem.Refusal{
			Why:    fmt.Sprintf("generation %s of run %s is gone: it was deleted, or made anew by somebody else", was.Generation, was.Run),
			Remedy: fmt.Sprintf("start anew: humpty rebuild %s --new", was.Projection),
			Err:    errGone,
		}
	}
	index, err := n.Target.Open(ctx, was.Generation)
	if err != nil {
		return fmt.Errorf("open index %s: %w", was.Generation, err)
	}
	n.candidate.Name, n.candidate.Meta, n.candidate.Index = was.Generation, g.Meta, index
	n.candidate.Meta.Reason = ""
	n.candidate.AlreadyLive = n.survey.Live() == was.Generation
	n.candidate.ServedEarly = n.survey.Partial() == was.Generation
	n.record.Verified = g.Meta.Verified
	return nil
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

// saved says what is left of a run whose capture has a gap.
func (n *run) saved(err error) error {
	var gap *sources.ErrChangesLost
	if !errors.As(err, &gap) || !n.Live.Resume || n.candidate.Index == nil {
		return err
	}
	return &sources.ErrChangesLost{
		Why: gap.Why + ": changes made since may be missing, so the run cannot go on",
		Remedy: fmt.Sprintf("generation %s holds %d of %d partitions; to save them instead of starting over (it compares everything and writes what differs):\n"+
			"humpty repair %s --generation %[1]s, then humpty swap %[4]s --to %[1]s, then humpty repair %[4]s for what changed meanwhile; or start anew: humpty rebuild %[4]s --new",
			n.record.Generation, len(n.journal.Done), len(n.input.Partitions), n.Projection.Name),
	}
}

// over writes down that nobody goes on with the run.
func (n *run) over(err error) error {
	e := checkpoint.End{Status: n.statusOf(err), At: time.Now().UTC()}
	if err != nil {
		e.Reason = err.Error()
	}
	return n.journal.MarkFinished(e)
}

// canGoOn says whether a later process can go on with a run that ended with err: nothing
// was found wrong, it only did not get to its end.
func (n *run) canGoOn(err error) bool {
	if err != nil && n.journal == nil {
		return n.record.Resumable
	}
	if err == nil || !n.journal.Unfinished() || errors.Is(err, errGone) {
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
	return n.candidate.Meta.State != sinks.Live || n.handsOver() // which goes on behind the swap
}
