package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// fix reads some documents again and writes those that differ. They are left for the next
// round, which reads them once more: only what was read again counts as fixed.
func (f *fixing) fix(ctx context.Context, some []verify.Difference, left *verify.List) error {
	keys := make([]sinks.Key, len(some))
	for i, d := range some {
		keys[i] = d.Key()
	}
	readings, err := f.sides.Read(ctx, keys)
	if err != nil {
		return err
	}
	return f.amend(ctx, readings, left)
}

// amend writes what was read.
func (f *fixing) amend(ctx context.Context, readings []verify.Reading, left *verify.List) error {
	var open []verify.Reading
	for _, r := range readings {
		d := verify.Difference{ID: string(r.ID), Routing: string(r.Routing), Kind: r.Kind}
		switch {
		case r.Refused != "" && r.Have == nil:
			f.reject(ledger.Rejection{ID: string(r.ID), Type: ledger.RejectedBySource, Reason: r.Refused})
			err := f.Repair.Letters.Put(ledger.Letter(f.finding.Generation, sinks.Document{ID: r.ID, Routing: r.Routing}, ledger.RejectedBySource, r.Refused))
			if err != nil {
				return err
			}
			continue
		case r.Kind == "":
			if f.round == 0 {
				f.did.Settled++
			}
			continue
		case f.barred[string(r.ID)]:
			if r.Have != nil { // what the target refused would have replaced it
				f.did.Unfixed++
				if len(f.did.Left) < differencesShown {
					f.did.Left = append(f.did.Left, d)
				}
			}
			continue
		}
		if err := left.Add(d); err != nil {
			return err
		}
		open = append(open, r)
	}
	if f.round == fixRounds-1 {
		return nil
	}
	if limit := f.Projection.Limits.Rejections; f.did.Rejected > limit+ledger.HopelessExcess {
		return &ledger.TooManyRejections{Rejected: f.did.Rejected, Limit: limit, First: f.did.Rejections}
	}
	return f.write(ctx, open)
}

// write sends what the source has, each document with the protection that it needs.
func (f *fixing) write(ctx context.Context, open []verify.Reading) error {
	var versioned, amended []sinks.Document
	var seen []string
	for _, r := range open {
		d := sinks.Document{ID: r.ID, Routing: r.Routing, Body: r.Want}
		switch {
		case r.Version != 0:
			d.Version = r.Version
			versioned = append(versioned, d)
		case f.finding.Serving:
			amended, seen = append(amended, d), append(seen, r.SeqNo)
		default:
			d.Version = f.epoch << 40
			versioned = append(versioned, d)
		}
	}
	if len(versioned) > 0 {
		verdicts := make([]sinks.Verdict, len(versioned))
		if _, err := f.index.Write(ctx, versioned, verdicts); err != nil {
			return fmt.Errorf("write %d documents: %w", len(versioned), err)
		}
		if err := f.book(versioned, verdicts); err != nil {
			return err
		}
	}
	if len(amended) > 0 {
		amender, ok := f.index.(sinks.ConditionalWriter)
		if !ok {
			return errors.New("this target cannot write a document only if it is unchanged") // able has asked: a defect
		}
		verdicts := make([]sinks.Verdict, len(amended))
		if _, err := amender.WriteIf(ctx, amended, seen, verdicts); err != nil {
			return fmt.Errorf("amend %d documents: %w", len(amended), err)
		}
		return f.book(amended, verdicts)
	}
	return nil
}

func (f *fixing) book(docs []sinks.Document, verdicts []sinks.Verdict) error {
	for i, v := range verdicts {
		switch v.Outcome {
		case sinks.Written:
			f.did.Written++
		case sinks.Deleted:
			f.did.Deleted++
		case sinks.Superseded:
			f.did.Superseded++
		case sinks.Rejected:
			f.reject(ledger.Rejection{ID: string(docs[i].ID), Type: v.Type, Reason: v.Reason})
			if err := f.Repair.Letters.Put(ledger.Letter(f.finding.Generation, docs[i], v.Type, v.Reason)); err != nil {
				return err
			}
		}
	}
	f.observer.Tell(report.Event{Kind: report.Progress, Done: f.did.Written + f.did.Deleted, Total: f.finding.Verified.Missing + f.finding.Verified.Stale + f.finding.Verified.Extra, Rejected: f.did.Rejected})
	return nil
}

// reject books a document that cannot be in the index.
func (f *fixing) reject(r ledger.Rejection) {
	f.did.Rejected++
	f.barred[r.ID] = true
	if len(f.did.Rejections) < ledger.RejectionsShown {
		f.did.Rejections = append(f.did.Rejections, r)
	}
}

// conclude notes what is proven now, or says what is not.
func (f *fixing) conclude(ctx context.Context) error {
	if !f.finding.Serving {
		if err := f.index.Seal(ctx, f.observer.Sealing); err != nil {
			return fmt.Errorf("seal index %s: %w", f.finding.Generation, err)
		}
	}
	documents, err := f.index.Count(ctx)
	if err != nil {
		return fmt.Errorf("count index %s: %w", f.finding.Generation, err)
	}
	limit := f.Projection.Limits.Rejections
	switch {
	case f.did.Rejected > limit:
		return &ledger.TooManyRejections{Rejected: f.did.Rejected, Limit: limit, First: f.did.Rejections}
	case f.did.Unfixed > 0:
		d := &Differs{Unfixed: f.did.Unfixed}
		for _, left := range f.did.Left {
			d.First = append(d.First, verify.Detail{Difference: left})
		}
		return d
	}
	found := f.finding.Verified
	f.finding.Verified.Missing, f.finding.Verified.Stale, f.finding.Verified.Extra = 0, 0, 0
	err = f.prove(ctx)
	f.finding.Verified = found
	if err != nil {
		return err
	}
	proven := found.Verification
	proven.Missing, proven.Stale, proven.Extra, proven.At = 0, 0, 0, time.Now().UTC()
	proven.Repaired = f.did.Written + f.did.Deleted
	m := &f.generation.Meta
	m.Verified, m.Documents, m.Reason = &proven, documents, ""
	if f.finding.Serving {
		proven.Sum = "" // its positions stay those of the past
	} else {
		m.State = sinks.Verified
		if fenced, ok := f.view.(sources.EndOffsets); ok { // it is what the topics say up to there
			m.Positions = generation.FormatPositions(fenced.EndOffsets())
		}
	}
	return f.note(ctx)
}
