package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/sinks"
	"humpty/sources"
)

// begin writes down what the run is, or reads what it was when it goes on.
func (n *run) begin(ctx context.Context) error {
	if n.Live == nil {
		return nil
	}
	if _, ok := n.Source.(sources.Live); !ok {
		return errNotLive
	}
	j, err := readJournal(n.Live.Marks)
	if err != nil {
		return err
	}
	n.journal = j
	switch {
	case n.Live.Resume && j.begun == nil:
		return errNotBegun
	case n.Live.Resume:
		return n.goOn(ctx)
	case j.begun != nil:
		return &Refusal{
			Why:    fmt.Sprintf("the state folder is that of run %s, which began %s", j.begun.Run, j.begun.Started.Format("2006-01-02 15:04:05")),
			Remedy: "go on with it: humpty resume " + j.begun.Run,
		}
	}
	j.begun = &Begun{
		Run: n.Owner.Run, Projection: n.Projection.Name, Alias: n.Projection.Alias, Definition: n.Projection.Hash,
		Generation: n.record.Generation, Previous: n.record.Previous, Started: n.began.UTC(),
		Readers: n.input.Readers, Rows: n.input.Rows, Bytes: n.input.Bytes, Partitions: n.input.Partitions,
	}
	return j.keep(keptBegun, *j.begun)
}

// goOn takes over from a process that ended. What it knew and is not written down is
// found again: the target says how far the generation is, the store which partitions
// are done and what is marked.
func (n *run) goOn(ctx context.Context) error {
	was := n.journal.begun
	switch {
	case was.Projection != n.Projection.Name:
		return &Refusal{Why: fmt.Sprintf("run %s is one of projection %s, not of %s", was.Run, was.Projection, n.Projection.Name)}
	case was.Definition != n.Projection.Hash:
		return &Refusal{
			Why:    fmt.Sprintf("projection %s was changed since run %s began (its definition is %s, and was %s): a generation has one definition", was.Projection, was.Run, n.Projection.Hash, was.Definition),
			Remedy: fmt.Sprintf("put it back and resume, or start anew with the new one: humpty rebuild %s --new", was.Projection),
		}
	}
	n.record.Run, n.record.Generation, n.record.Previous = was.Run, was.Generation, was.Previous
	n.record.Resumed, n.record.Started = true, was.Started
	n.input.Partitions, n.input.Readers, n.input.Rows, n.input.Bytes = was.Partitions, was.Readers, was.Rows, was.Bytes
	for _, share := range n.journal.done {
		n.ledger.add(share)
	}
	n.observer.notice(fmt.Sprintf("run %s goes on: %d of %d partitions are done", was.Run, len(n.journal.done), len(was.Partitions)))
	g, ok := n.survey.Find(was.Generation)
	if !ok && !n.journal.created {
		return nil
	}
	if !ok || g.Meta.Run != was.Run {
		return &Refusal{
			Why:    fmt.Sprintf("generation %s of run %s is gone: it was deleted, or made anew by somebody else", was.Generation, was.Run),
			Remedy: fmt.Sprintf("start anew: humpty rebuild %s --new", was.Projection),
		}
	}
	index, err := n.Target.Open(ctx, was.Generation)
	if err != nil {
		return fmt.Errorf("open index %s: %w", was.Generation, err)
	}
	n.meta, n.index = g.Meta, index
	n.meta.Reason = ""
	n.serves = n.survey.Live() == was.Generation
	return nil
}

// canGoOn says whether a later process can go on with a run that ended with err: nothing
// was found wrong, it only did not get to its end.
func (n *run) canGoOn(err error) bool {
	if err == nil || n.journal == nil || n.journal.begun == nil || n.index == nil {
		return false
	}
	var (
		gap        *sources.Gap
		rejections *TooManyRejections
		poison     *TooMuchPoison
		unbalanced *Unbalanced
		differs    *Differs
	)
	for _, fatal := range []any{&gap, &rejections, &poison, &unbalanced, &differs} {
		if errors.As(err, fatal) {
			return false
		}
	}
	return n.meta.State != sinks.Live
}
