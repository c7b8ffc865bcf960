package projector

import (
	"context"
	"fmt"

	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
)

// Retry writes some documents of the index that serves again, each as the source has it
// now and only if nobody writes it meanwhile: it is a repair of these and no others. What
// was refused once is not sent again as it was, since it may have changed or gone since.
type Retry struct {
	Examine
	Keys    []sinks.Key
	Letters *deadletter.Writer // where what is refused again goes; the caller closes it
}

// Run does so under the projection's lease. What is refused again is in the finding's
// amendments, and a *TooManyRejections if there is any.
func (r *Retry) Run(ctx context.Context) (Finding, error) {
	f := &fixing{
		examination: newExamination(&r.Examine), barred: map[string]bool{},
		Repair: &Repair{Examine: r.Examine, Letters: r.Letters},
	}
	err := generation.UnderLease(ctx, r.Target, r.Owner, func(ctx context.Context, _ sinks.Lease) error {
		return f.phase(ctx, report.PhaseRepair, func(ctx context.Context) error { return f.again(ctx, r.Keys) })
	})
	return f.done(ctx, err)
}

// retriedTogether is how many documents are read and written in one call.
const retriedTogether = 500

func (f *fixing) again(ctx context.Context, keys []sinks.Key) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	if !f.finding.Serving {
		return &problem.Refusal{
			Why:    fmt.Sprintf("generation %s does not serve: single documents would not make it whole", f.finding.Generation),
			Remedy: fmt.Sprintf("humpty repair %s --generation %s, or humpty rebuild %[1]s", f.Projection.Name, f.finding.Generation),
		}
	}
	f.finding.Verified.Level = string(verify.Full) // nothing is left uncompared: what is to be written is given
	if err := f.able(); err != nil {
		return err
	}
	f.finding.Verified, f.finding.Repair = verify.Report{KeyBatch: retriedTogether}, &f.did
	f.finding.Verified.Missing = int64(len(keys)) // what progress counts towards
	list := verify.NewList("")
	for _, k := range keys {
		if err := list.Add(verify.Difference{ID: string(k.ID), Routing: string(k.Routing), Kind: verify.Missing}); err != nil {
			return err
		}
	}
	if err := f.rounds(ctx, list); err != nil {
		return err
	}
	switch {
	case f.did.Rejected > 0:
		return &ledger.TooManyRejections{Rejected: f.did.Rejected, First: f.did.Rejections}
	case f.did.Unfixed > 0:
		return &Differs{Unfixed: f.did.Unfixed}
	}
	return nil
}
