package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/printable"
	"humpty/projector"
	"humpty/projector/flush"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// fix reads some documents again and writes those that differ. They are left for the next
// round, which reads them once more: only what was read again counts as fixed.
func (f *repairer) fix(ctx context.Context, some []verify.Difference, left *verify.List) error {
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
func (f *repairer) amend(ctx context.Context, readings []verify.Reading, left *verify.List) error {
	var open []verify.Reading
	for _, r := range readings {
		d := verify.Difference{ID: string(r.ID), Routing: string(r.Routing), Kind: r.Kind}
		switch {
		case r.Refused != "" && r.Have == nil:
			if err := f.refuse(sinks.Document{ID: r.ID, Routing: r.Routing}, ledger.RejectedBySource, r.Refused); err != nil {
				return err
			}
			continue
		case r.Kind == "":
			if f.round == 0 {
				f.changes.Settled++
			}
			continue
		case byRow(f.Projection) && r.Want != nil && r.Have != nil && r.Version < r.Stored:
			if err := f.refuse(sinks.Document{ID: r.ID, Routing: r.Routing, Version: r.Version, Body: r.Want}, write.VersionBehind, write.IsBehind(r.Version, r.Stored)); err != nil {
				return err
			}
			continue
		case f.rejectedIDs[string(r.ID)]: // it is counted as such, and an older one may be there
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
	if limit := f.Projection.Limits.Rejections; f.changes.Rejected > limit+ledger.HopelessExcess {
		return &ledger.TooManyRejections{Rejected: f.changes.Rejected, Limit: limit, First: f.changes.Rejections}
	}
	return f.write(ctx, open)
}

// write sends what the source has, each document with the protection that it needs.
func (f *repairer) write(ctx context.Context, open []verify.Reading) error {
	var versioned, amended []sinks.Document
	var seen []string
	stored := write.Stored{}
	for _, r := range open {
		if r.Have != nil {
			stored[string(r.ID)] = r.Stored
		}
		d := sinks.Document{ID: r.ID, Routing: r.Routing, Body: r.Want}
		switch {
		case byRow(f.Projection):
			if d.Version, d.Versioned = r.Version, true; d.Body == nil {
				d.Version = r.Stored // deletes nothing newer
			}
			versioned = append(versioned, d)
		case f.moves:
			amended, seen = append(amended, d), append(seen, r.SeqNo)
		default:
			d.Version = f.epoch << 40
			versioned = append(versioned, d)
		}
	}
	if len(versioned) > 0 {
		verdicts, doubt, err := write.Send(ctx, f.index, versioned)
		if f.doubt = f.doubt || doubt; err != nil {
			return err
		}
		if byRow(f.Projection) && f.round == fixRounds-2 { // the last time that something is written
			stored.Refuse(versioned, verdicts)
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
		verdicts, doubt, err := write.SendIf(ctx, amender, amended, seen)
		if f.doubt = f.doubt || doubt; err != nil {
			return err
		}
		return f.book(amended, verdicts)
	}
	return nil
}

// byRow reports whether documents have the versions of their rows.
func byRow(p projector.Projection) bool { return p.Versions == sinks.ByRow }

func (f *repairer) book(docs []sinks.Document, verdicts []sinks.Verdict) error {
	for i, v := range verdicts {
		switch v.Outcome {
		case sinks.Written:
			f.changes.Written++
		case sinks.Deleted:
			f.changes.Deleted++
		case sinks.Superseded:
			f.changes.Superseded++
		case sinks.Rejected:
			if err := f.refuse(docs[i], v.Type, v.Reason); err != nil {
				return err
			}
		}
	}
	f.observer.Tell(report.Event{Kind: report.Progress, Done: f.changes.Written + f.changes.Deleted, Total: f.result.Verified.Missing + f.result.Verified.Stale + f.result.Verified.Extra, Rejected: f.changes.Rejected})
	return nil
}

// refuse books a document that cannot be in the index, and keeps it.
func (f *repairer) refuse(d sinks.Document, kind, reason string) error {
	r := ledger.Rejection{ID: string(d.ID), Type: kind, Reason: reason, Document: ledger.DocumentSum(d.Body)}
	f.changes.Rejected++
	f.rejectedIDs[r.ID] = true
	f.refused = append(f.refused, r)
	if len(f.changes.Rejections) < ledger.RejectionsShown {
		f.changes.Rejections = append(f.changes.Rejections, r)
	}
	return f.Repair.Letters.Put(ledger.Letter(f.result.Generation, d, kind, reason))
}

// confirm is nil when a crash of the source cannot take back any more what was written. The
// view has a session since before the first read: where it is lost, the server may be another.
func (f *repairer) confirm(ctx context.Context) error {
	if f.changes.Written+f.changes.Deleted == 0 {
		return nil
	}
	if err := flush.NewQueue(f.view).Confirm(ctx); err != nil {
		return fmt.Errorf("the source may have taken back what was written: %w\n    humpty repair %s --generation %s", err, f.Projection.Name, printable.Shell(f.result.Generation))
	}
	return nil
}

// conclude notes what is proven now, or says what is not.
func (f *repairer) conclude(ctx context.Context) error {
	if err := f.confirm(ctx); err != nil {
		return err
	}
	if !f.moves {
		if err := f.index.Seal(ctx, f.observer.Sealing); err != nil {
			return fmt.Errorf("seal index %s: %w", f.result.Generation, err)
		}
	}
	documents, err := f.index.Count(ctx)
	if err != nil {
		return fmt.Errorf("count index %s: %w", f.result.Generation, err)
	}
	limit := f.Projection.Limits.Rejections
	switch {
	case f.changes.Rejected > limit:
		return &ledger.TooManyRejections{Rejected: f.changes.Rejected, Limit: limit, First: f.changes.Rejections}
	case f.changes.Unfixed > 0:
		d := &verify.Differs{Unfixed: f.changes.Unfixed}
		for _, left := range f.changes.Left {
			d.First = append(d.First, verify.Detail{Difference: left})
		}
		return d
	}
	found := f.result.Verified
	f.result.Verified.Missing, f.result.Verified.Stale, f.result.Verified.Extra = 0, 0, 0
	err = f.prove(ctx)
	f.result.Verified = found
	if err != nil {
		return err
	}
	proven := found.Verification
	proven.Missing, proven.Stale, proven.Extra, proven.At = 0, 0, 0, time.Now().UTC()
	proven.Repaired = f.changes.Written + f.changes.Deleted
	m := &f.generation.Meta
	proven.Rejected = f.changes.Rejected
	m.Verified, m.Documents, m.Reason = &proven, documents, ""
	generation.NoteRefused(m, ledger.NewRefusals(f.refused...), proven.Poison)
	if f.moves {
		proven.Sum = "" // its positions stay those of the past
	} else {
		m.State = sinks.Verified
		if fenced, ok := f.view.(sources.EndOffsets); ok { // it is what the topics say up to there
			m.Positions = generation.FormatPositions(fenced.EndOffsets())
		}
	}
	return f.note(ctx)
}

// maxBuffered is how much of what the verification read a repair keeps to write it without
// reading it again.
const maxBuffered = 32 << 20

// buffer keeps what decided that a document differs, while there is room. Writing it later
// is as safe as writing it at once: an index that serves is amended only if the document
// still is what was read, and what was written is read again in any case.
func (f *repairer) buffer(r *verify.Reading) bool {
	if r == nil || f.bufferedBytes+len(r.Want) > maxBuffered {
		return false
	}
	if r.Have != nil {
		r.Have = []byte{} // that it is there is all that writing asks
	}
	f.buffered, f.bufferedBytes = append(f.buffered, *r), f.bufferedBytes+len(r.Want)
	return true
}

// fixBuffered writes what was held, as fix does what it reads.
func (f *repairer) fixBuffered(ctx context.Context, left *verify.List) error {
	for size := max(f.result.Verified.KeyBatch, 1); len(f.buffered) > 0; {
		some := f.buffered[:min(size, len(f.buffered))]
		if err := f.amend(ctx, some, left); err != nil {
			return err
		}
		f.buffered = f.buffered[len(some):]
	}
	f.buffered = nil
	return nil
}
