package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// Delta is what a restore read of the topics of its snapshot, and wrote: only what lies
// behind the positions that the index was of. Keys = Written + Deleted + Same + Rejected.
type Delta struct {
	Not      string                    `json:"not,omitempty"` // why it was not enough: everything was compared
	From     map[string]string         `json:"from"`          // partition → position
	To       map[string]string         `json:"to,omitempty"`
	Inputs   map[string]sources.Counts `json:"inputs,omitempty"` // events behind the positions; rows: records that were read for them, in all
	Keys     int64                     `json:"keys"`             // documents that these events concern
	Written  int64                     `json:"written"`
	Deleted  int64                     `json:"deleted"`
	Same     int64                     `json:"same"` // were so already
	Rejected int64                     `json:"rejected"`
}

// Events is how many lie behind the positions.
func (d *Delta) Events() (n int64) {
	for _, c := range d.Inputs {
		n += c.Read
	}
	return n
}

// followTopics brings what was restored to the end of its topics, and proves it: what no event
// concerned adds up to what was verified once. It returns false where everything has to be
// compared, and says why.
func (r *restorer) followTopics(ctx context.Context, lease sinks.Lease) (proven bool, err error) {
	source, ok := r.Source.(sources.SinceOpener)
	if !ok || len(r.savedMeta.Positions) == 0 { // tables do not say what came since
		return false, nil
	}
	d := &Delta{From: generation.Offsets(r.savedMeta.Positions)}
	r.result.Delta = d
	if d.Not, err = r.delta(ctx, source, lease); err != nil || d.Not == "" {
		return err == nil, err
	}
	r.observer.Notice("the topics are read from their start and everything is compared: " + d.Not)
	r.changes, r.rejectedIDs, r.refused = Changes{}, map[string]bool{}, nil
	return false, r.unview(ctx)
}

// unview closes the view.
func (r *restorer) unview(ctx context.Context) error {
	if r.view == nil {
		return nil
	}
	err := r.view.Close(ctx)
	r.view = nil
	return err
}

// delta is followTopics; it returns why it did not come to a proof.
func (r *restorer) delta(ctx context.Context, source sources.SinceOpener, lease sinks.Lease) (not string, err error) {
	var sum *verify.Sum
	err = r.phase(ctx, report.PhaseReplay, func(ctx context.Context) error {
		if err := r.find(ctx); err != nil {
			return err
		}
		if sum, not = r.summed(); not != "" {
			return nil
		}
		var gap *sources.ErrChangesLost
		if r.view, err = source.OpenSince(ctx, generation.ParsePositions(r.savedMeta.Positions), r.savedMeta.Updated); errors.As(err, &gap) {
			not = gap.Why
			return nil
		} else if err != nil {
			return fmt.Errorf("read what came behind the positions: %w", err)
		}
		return r.writing(ctx, lease, func(ctx context.Context) error { return r.applyDelta(ctx, sum) })
	})
	if err != nil || not != "" {
		return not, err
	}
	err = r.phase(ctx, report.PhaseVerify, func(ctx context.Context) error {
		not, err = r.addsUp(ctx, sum)
		return err
	})
	if err != nil || not != "" {
		return not, err
	}
	return "", r.phase(ctx, report.PhaseRepair, r.conclude)
}

// summed is what the documents of the snapshot added up to when they were verified.
func (r *restorer) summed() (sum *verify.Sum, not string) {
	v := r.savedMeta.Verified
	_, gets := r.index.(sinks.Getter)
	switch {
	case r.Restore.Whole:
		return nil, "as asked"
	case !gets:
		return nil, "the target cannot read single documents"
	case v == nil || v.Sum == "":
		return nil, "the generation in the snapshot was not verified in full at its positions: it was written to since"
	}
	sum, ok := verify.ParseSum(v.Sum, r.ignore)
	if !ok {
		return nil, "verify.ignore was another when the generation in the snapshot was verified"
	}
	return sum, ""
}

// addsUp holds the index against what it must add up to.
func (r *restorer) addsUp(ctx context.Context, want *verify.Sum) (not string, err error) {
	if _, err := r.index.Count(ctx); err != nil { // refreshes: a scan sees what was written
		return "", fmt.Errorf("refresh the index: %w", err)
	}
	have, err := want.Scan(ctx, r.index, r.ignore, func(docs, bytes int64) {
		r.observer.Compared(docs, max(want.Documents(), 0), bytes)
	})
	if err != nil {
		return "", err
	}
	if have.String() != want.String() {
		return fmt.Sprintf("the index does not add up to what was verified once and came since: it has %d documents, of %d", have.Documents(), want.Documents()), nil
	}
	r.result.Verified = verify.Report{Verification: sinks.Verification{
		Level: string(verify.Full), At: time.Now().UTC(), Documents: want.Documents(), Sum: want.String(),
		Rests: fmt.Sprintf("documents that no event concerned since are, by their sum, as verified %s; topics were read from there",
			r.savedMeta.Verified.At.Format(time.RFC3339)),
	}}
	return "", nil
}

// holds reports whether a document is as the source has it.
func holds(r *sources.Record, old *sinks.Found) bool {
	if r.Deleted || !old.There {
		return r.Deleted && !old.There
	}
	return bytes.Equal(r.Value, old.Body)
}
