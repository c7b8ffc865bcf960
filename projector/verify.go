package projector

import (
	"context"
	"fmt"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/projector/verify"
	"humpty/sinks"
)

// differencesShown is how many differences are named where nobody says.
const differencesShown = 10

// comparedAtOnce is how much each reader reads before it compares: there is no request that
// it would have to fill.
const comparedAtOnce = 2 << 20

// verify is the gate before the swap: the sealed generation against the view it was loaded
// from, its mapping and settings against what was asked for, and the user's queries.
func (n *run) verify(ctx context.Context) error {
	ignore, err := canonjson.ParsePaths(n.Projection.Verify.Ignore)
	if err != nil {
		return err
	}
	check := verify.Check{
		View: n.view, Plan: n.input, Index: n.candidate.Index,
		Level: n.Projection.Verify.level(), Budget: n.Projection.Verify.Budget, Ignore: ignore,
		Exact: true, Writes: verify.Writes{Static: true}, // nobody else knows the generation, and the view does not move
		Rejected: n.ledger.RejectedIDs(), Documents: n.candidate.Meta.Documents,
		Batch: min(n.Projection.Limits.Batch, comparedAtOnce),
		Output: verify.Output{Show: differencesShown, Progress: func(docs, bytes int64) {
			n.observer.Compared(docs, n.candidate.Meta.Documents, bytes)
		}},
	}
	if n.capture != nil { // what differs is read again when everything committed has been caught up with
		check.Static, check.Source, check.Documents = false, n.reads(), 0
		check.CatchUp = func(ctx context.Context) error { return n.catcher.reach(ctx, n.capture) }
	}
	report, err := n.examined(ctx, check)
	if err != nil {
		return err
	}
	n.record.Verified, n.record.Differing = &report.Verification, report.First
	if report.Why != "" {
		n.observer.Notice(fmt.Sprintf("verified by level %s, not %s: %s", report.Level, report.Asked, report.Why))
	}
	proof, err := prove(ctx, n.Target, n.candidate.Index, n.Projection, n.survey.Live())
	if err != nil {
		return err
	}
	n.record.Deviations, n.record.Queries = proof.deviations, proof.answers
	if err := proof.judge(report); err != nil {
		return err
	}
	n.candidate.Meta.Verified, n.candidate.Meta.PhaseSeconds = &report.Verification, n.took()
	crashpoint.At("compared")
	err = n.candidate.Note(ctx, sinks.Verified)
	crashpoint.At("verification noted")
	return err
}

// proof is what was asked of a generation beside its documents.
type proof struct {
	deviations []string
	answers    []verify.QueryResult
}

// prove compares a generation with its definition, and asks it the user's queries. live is
// what the alias serves, to compare the answers with; "" if nothing does.
func prove(ctx context.Context, target sinks.Target, index sinks.Index, def Projection, live string) (proof, error) {
	var p proof
	if conformer, ok := index.(sinks.DefinitionDiffer); ok {
		var err error
		if p.deviations, err = conformer.DiffDefinition(ctx, def.Index); err != nil {
			return p, fmt.Errorf("compare mapping and settings with the definition: %w", err)
		}
	}
	searcher, ok := index.(sinks.Searcher)
	if !ok || len(def.Verify.Queries) == 0 {
		return p, nil
	}
	var serving sinks.Searcher
	if live != "" {
		if other, err := target.Open(ctx, live); err == nil { // else it is not ours: nothing to compare with
			serving, _ = other.(sinks.Searcher)
		}
	}
	var err error
	p.answers, err = verify.RunQueries(ctx, def.Verify.Queries, searcher, serving)
	return p, err
}

// judge is nil if nothing speaks against the generation.
func (p proof) judge(r verify.Report) error {
	d := &Differs{Missing: r.Missing, Stale: r.Stale, Extra: r.Extra, First: r.First, Deviations: p.deviations}
	for _, a := range p.answers {
		if len(a.Wrong) > 0 {
			d.Answers = append(d.Answers, a)
		}
	}
	if !r.Differs() && len(d.Deviations)+len(d.Answers) == 0 {
		return nil
	}
	return d
}
