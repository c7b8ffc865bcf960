// Package repair holds a generation against its source (Verify), writes what differs (Repair),
// writes single documents again (Retry), and brings a generation back from a snapshot (Restore);
// Recover compares the ways back to a right index.
package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/deadletter"
	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector"
	"humpty/projector/generation"
	"humpty/projector/lease"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// Repair fixes the documents of one generation that differ from the source, and no other.
//
// Which versions it writes with: a generation that serves is written to by others without
// versions, so a document is written only on condition that it still is what was read
// before the source was (sinks.ConditionalWriter); whoever wrote in between was later, and wins. A
// generation that does not serve is written by nobody but late attempts of earlier runs:
// there an epoch of its own beats them all. Where documents have the versions of their rows,
// these decide everywhere, and a deletion carries the one that the index has.
type Repair struct {
	Verify
	DryRun    bool
	MaxDelete int64 // most extra documents to delete; below 0: a hundredth of the index, see the guard
	MaxStale  int64 // most stale documents to overwrite in an index that serves; below 0: half of it

	Letters *deadletter.Writer // where what is refused goes; the caller closes it; nil: it is counted only
}

// Changes are what a repair did.
type Changes struct {
	DryRun     bool                `json:"dry_run,omitempty"`
	Written    int64               `json:"written"`
	Deleted    int64               `json:"deleted"`
	Rejected   int64               `json:"rejected"`   // by the target or, having no document, by the source
	Superseded int64               `json:"superseded"` // somebody wrote in between: read again
	Settled    int64               `json:"settled"`    // did not differ any more when they were to be written
	Left       []verify.Difference `json:"left,omitempty"`
	Unfixed    int64               `json:"unfixed"` // still differ after the last attempt; Left names the first
	Rejections []ledger.Rejection  `json:"rejections,omitempty"`
}

// Run repairs under the projection's lease. The finding tells what differed and what was
// done. Errors as of Rebuild.Run: a *Refusal means that nothing was written.
func (r *Repair) Run(ctx context.Context) (Result, error) {
	f := &repairer{comparison: newComparison(&r.Verify), Repair: r, rejectedIDs: map[string]bool{}}
	err := generation.UnderLease(ctx, r.Target, r.Owner, f.observer.Waiting, f.work)
	return f.done(ctx, err)
}

// repairer is a Repair on its way.
type repairer struct {
	*comparison
	Repair      *Repair
	changes     Changes
	sides       *verify.KeyReader
	epoch       int64 // of what is written, in a generation that does not serve
	round       int
	rejectedIDs map[string]bool // ids that the target refused: not tried again
	refused     []ledger.Rejection

	doubt bool // a write of the last round had no answer

	buffered      []verify.Reading // what the verification read of what differs
	bufferedBytes int
}

// done gives back what single documents were read by, and completes the finding.
func (f *repairer) done(ctx context.Context, err error) (Result, error) {
	closing, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	return f.comparison.done(ctx, errors.Join(err, f.sides.Close(closing)))
}

func (f *repairer) work(ctx context.Context, lease sinks.Lease) (err error) {
	differing := verify.NewList("")
	defer func() { err = errors.Join(err, differing.Close()) }()
	err = f.phase(ctx, report.PhaseVerify, func(ctx context.Context) error {
		if err := f.open(ctx); err != nil {
			return err
		}
		if err := write.SameVersions(f.generation, f.Projection.Name, f.Projection.Versions); err != nil {
			return err
		}
		if err := f.sameLogs(); err != nil {
			return err
		}
		return f.compare(ctx, verify.Full, func(d verify.Difference) error {
			if f.Each != nil {
				if err := f.Each(d); err != nil {
					return err
				}
			}
			if d.Kind == verify.Rejected || f.buffer(d.Reading) {
				return nil
			}
			return differing.Add(d)
		})
	})
	if err != nil {
		return err
	}
	f.changes.DryRun, f.result.Repair = f.Repair.DryRun, &f.changes
	if err := f.able(); err != nil {
		return err
	}
	if err := f.guard(); err != nil || f.Repair.DryRun {
		return err
	}
	return f.phase(ctx, report.PhaseRepair, func(ctx context.Context) error { return f.repair(ctx, lease, differing) })
}

// able makes sure that the comparison was complete and single documents can be read.
func (f *repairer) able() error {
	var source sources.Source
	if f.moves {
		source = f.Source
	}
	var ok bool
	f.sides, ok = verify.NewKeyReader(f.index, f.view, source, f.ignore)
	_, amends := f.index.(sinks.ConditionalWriter)
	switch {
	case !f.result.Verified.Everything():
		return fmt.Errorf("only level %s was reached (%s): what differs is not known; raise verify.budget", f.result.Verified.Level, f.result.Verified.Why)
	case !ok, f.moves && !amends:
		return errors.New("source or target cannot read and write single documents: rebuild instead")
	}
	return nil
}

// limits are how much the repair may change.
func (r *Repair) limits() projector.Guard {
	return projector.Guard{MaxDelete: r.MaxDelete, MaxStale: r.MaxStale}
}

// guard refuses what a broken source would ask for: an empty or truncated table must not
// wipe the index.
func (f *repairer) guard() error {
	v := f.result.Verified
	indexed := v.Documents - v.Missing + v.Extra
	most := f.Repair.limits().Deletable(indexed)
	name := f.Projection.Name
	if v.Extra > most {
		return &problem.Refusal{
			Why: fmt.Sprintf("%d of the %d documents of %s are not in the source; at most %d may be deleted: is a table empty, truncated or filtered by mistake? Nothing was written",
				v.Extra, indexed, f.result.Generation, most),
			Remedy: fmt.Sprintf("look at them: humpty verify %s --generation %s --ids FILE\nif they must go: humpty repair %s --generation %s --max-delete %d",
				name, printable.Shell(f.result.Generation), name, printable.Shell(f.result.Generation), v.Extra),
		}
	}
	most = f.Repair.limits().Overwritable(indexed)
	if f.moves && v.Stale > most {
		return &problem.Refusal{
			Why: fmt.Sprintf("%d of the %d documents of %s, which is in use, are not as the source has them; at most %d may be overwritten: is a table of an include empty, or the definition another? Nothing was written",
				v.Stale, indexed, f.result.Generation, most),
			Remedy: fmt.Sprintf("look at them: humpty verify %s --diff 10\na new generation is the safe way: humpty rebuild %s\nif they are to be overwritten: humpty repair %s --max-stale %d", name, name, name, v.Stale),
		}
	}
	return nil
}

// repair writes in rounds: what was written is read again, until nothing differs.
func (f *repairer) repair(ctx context.Context, lease sinks.Lease, differing *verify.List) error {
	err := f.writing(ctx, lease, func(ctx context.Context) error { return f.rounds(ctx, differing) })
	if err != nil {
		return err
	}
	return f.conclude(ctx)
}

// writing does what writes, as a writer that begins and ends with it.
func (f *repairer) writing(ctx context.Context, lease sinks.Lease, do func(context.Context) error) error {
	if err := f.begin(ctx, lease); err != nil {
		return err
	}
	err := do(ctx)
	ending, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	return errors.Join(err, generation.EndWriter(ending, f.index))
}

// rounds fixes what differs; what still does after the last one is left.
func (f *repairer) rounds(ctx context.Context, differing *verify.List) error {
	for f.round = range fixRounds {
		left := verify.NewList("")
		var err error
		if f.doubt { // nothing that an earlier round sent lands behind the reads of this one
			f.doubt, err = false, generation.BeginWriter(ctx, f.index, sinks.LeaseWriter)
		}
		if err == nil {
			err = f.fixBuffered(ctx, left)
		}
		if err != nil {
			return errors.Join(err, differing.Close(), left.Close())
		}
		err = differing.Batches(max(f.result.Verified.KeyBatch, 1), func(some []verify.Difference) error { return f.fix(ctx, some, left) })
		if err = errors.Join(err, differing.Close()); err != nil {
			return errors.Join(err, left.Close())
		}
		if differing = left; left.Len() == 0 {
			break
		}
	}
	f.changes.Unfixed += differing.Len()
	err := differing.Batches(verify.DetailsShown, func(some []verify.Difference) error {
		if len(f.changes.Left) == 0 {
			f.changes.Left = append(f.changes.Left, some...)
		}
		return nil
	})
	return errors.Join(err, differing.Close())
}

// fixRounds is how often what differs is read; the last time nothing is written.
const fixRounds = 4

// begin begins to write, and takes an epoch for a generation that does not serve. The lease is
// looked at behind it: who took it since shuts this process out, and who took it before is
// noticed.
func (f *repairer) begin(ctx context.Context, held sinks.Lease) error {
	if err := generation.BeginWriter(ctx, f.index, sinks.LeaseWriter); err != nil {
		return err
	}
	if err := lease.Check(ctx, f.Target, held); err != nil {
		return err
	}
	if f.moves {
		return nil
	}
	f.epoch = max(f.survey.Epoch()+1, held.Fence)
	m := &f.generation.Meta
	m.Epoch, m.Run, m.Verified, m.State = f.epoch, f.Owner.Run, nil, sinks.Sealed
	return f.note(ctx)
}

func (f *repairer) note(ctx context.Context) error {
	m := f.generation.Meta
	m.Updated = time.Now().UTC()
	if err := f.index.Note(ctx, m); err != nil {
		return fmt.Errorf("note state %s in %s: %w", m.State, f.result.Generation, err)
	}
	f.generation.Meta = m
	return nil
}

// sameLogs refuses to repair by logs that are others than those the generation was made of:
// all that it has and they have not would be deleted.
func (f *repairer) sameLogs() error {
	fenced, ok := f.view.(sources.EndOffsets)
	was := f.generation.Meta.Positions
	if !ok || len(was) == 0 {
		return nil
	}
	events, err := generation.CheckEnds(f.generation, fenced.EndOffsets())
	if err != nil {
		return err
	}
	f.observer.Notice(fmt.Sprintf("the topics have %d events behind the positions of %s; they are read once from their start, and everything is compared", events, f.result.Generation))
	return nil
}
