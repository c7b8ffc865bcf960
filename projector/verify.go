package projector

import (
	"context"
	"fmt"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/projector/verify"
	"humpty/sinks"
)

// verify is the gate before the swap: the sealed generation against the view it was loaded
// from, its mapping and settings against what was asked for, and the user's queries.
func (n *run) verify(ctx context.Context) error {
	ignore, err := canonjson.ParsePaths(n.Projection.Verify.Ignore)
	if err != nil {
		return err
	}
	check := verify.Check{
		View: n.view, Plan: n.input, Index: n.candidate.Index,
		Level: n.Projection.Verify.EffectiveLevel(), Budget: n.Projection.Verify.Budget, Ignore: ignore,
		Exact: true, Writes: verify.Writes{Static: true}, // nobody else knows the generation, and the view does not move
		Rejected: n.ledger.RejectedIDs(), Documents: n.candidate.Meta.Documents,
		Batch: min(n.Projection.Limits.Batch, verify.BatchBytes),
		Output: verify.Output{Show: verify.DetailsShown, Progress: func(docs, bytes int64) {
			n.observer.Compared(docs, n.candidate.Meta.Documents, bytes)
		}},
	}
	if n.capture != nil { // what differs is read again when everything committed has been caught up with
		check.Static, check.Source, check.Documents = false, n.reads(), 0
		check.CatchUp = func(ctx context.Context) error { return n.rounds.CatchUpTo(ctx, n.capture) }
	}
	report, err := n.examined(ctx, check)
	if err != nil {
		return err
	}
	n.record.Verified, n.record.Differing = &report.Verification, report.First
	if report.Why != "" {
		n.observer.Notice(fmt.Sprintf("verified by level %s, not %s: %s", report.Level, report.Asked, report.Why))
	}
	proof, err := verify.Prove(ctx, n.Target, n.candidate.Index, n.Projection.Index, n.Projection.Verify.Queries, n.survey.Live())
	if err != nil {
		return err
	}
	n.record.Deviations, n.record.Queries = proof.Deviations, proof.Answers
	if err := proof.Judge(report); err != nil {
		return err
	}
	n.candidate.Meta.Verified, n.candidate.Meta.PhaseSeconds = &report.Verification, n.took()
	crashpoint.At("compared")
	err = n.candidate.Note(ctx, sinks.Verified)
	crashpoint.At("verification noted")
	return err
}
