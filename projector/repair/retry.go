package repair

import (
	"context"
	"fmt"

	"humpty/internal/deadletter"
	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/projector/write"
	"humpty/sinks"
)

// Retry writes some documents of the index that serves again, each as the source has it
// now and only if nobody writes it meanwhile: it is a repair of these and no others. What
// was refused once is not sent again as it was, since it may have changed or gone since.
type Retry struct {
	Verify
	Keys    []sinks.Key
	Letters *deadletter.Writer // where what is refused again goes; the caller closes it
}

// Run does so under the projection's lease. What is refused again is in the finding's
// amendments, and a *TooManyRejections if there is any.
func (r *Retry) Run(ctx context.Context) (Result, error) {
	f := &repairer{
		comparison: newComparison(&r.Verify), rejectedIDs: map[string]bool{},
		Repair: &Repair{Verify: r.Verify, Letters: r.Letters},
	}
	err := generation.UnderLease(ctx, r.Target, r.Owner, nil, func(ctx context.Context, lease sinks.Lease) error {
		return f.phase(ctx, report.PhaseRepair, func(ctx context.Context) error { return f.retry(ctx, lease, r.Keys) })
	})
	return f.done(ctx, err)
}

// retriedTogether is how many documents are read and written in one call.
const retriedTogether = 500

func (f *repairer) retry(ctx context.Context, lease sinks.Lease, keys []sinks.Key) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	if !f.result.Serving {
		return &problem.Refusal{
			Why:    fmt.Sprintf("generation %s does not serve: single documents would not make it whole", f.result.Generation),
			Remedy: fmt.Sprintf("humpty repair %s --generation %s, or humpty rebuild %[1]s", f.Projection.Name, printable.Shell(f.result.Generation)),
		}
	}
	if err := write.SameVersions(f.generation, f.Projection.Name, f.Projection.Versions); err != nil {
		return err
	}
	f.result.Verified.Level = string(verify.Full) // nothing is left uncompared: what is to be written is given
	if err := f.able(); err != nil {
		return err
	}
	f.result.Verified, f.result.Repair = verify.Report{KeyBatch: retriedTogether}, &f.changes
	f.result.Verified.Missing = int64(len(keys)) // what progress counts towards
	list := verify.NewList("")
	for _, k := range keys {
		if err := list.Add(verify.Difference{ID: string(k.ID), Routing: string(k.Routing), Kind: verify.Missing}); err != nil {
			return err
		}
	}
	if err := f.writing(ctx, lease, func(ctx context.Context) error { return f.rounds(ctx, list) }); err != nil {
		return err
	}
	if err := f.confirm(ctx); err != nil {
		return err
	}
	switch {
	case f.changes.Rejected > 0:
		return &ledger.TooManyRejections{Rejected: f.changes.Rejected, First: f.changes.Rejections}
	case f.changes.Unfixed > 0:
		return &verify.Differs{Unfixed: f.changes.Unfixed}
	}
	return nil
}
