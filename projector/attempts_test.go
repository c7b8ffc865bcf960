package projector_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/projector"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources/sourcetest"
)

// A run of three processes, the first of which is killed in its load, and the second stopped
// when it has caught up: the record has the numbers of all of them, and they balance.
func TestRecordOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	disk := vfs.NewCrashableMem()
	l.disk = disk
	var left *vfs.MemFS
	n := 0
	l.memory.OnWrite = func([]sinks.Document, []sinks.Verdict) error {
		if n++; n == 30 {
			left = disk.CrashClone(vfs.CrashCloneCfg{})
			return errKilled
		}
		return nil
	}
	if _, err := l.run(false, nil); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	l.disk, l.memory.OnWrite = left, nil
	dead := errors.New("dead")
	l.memory.OnSwap = func(sinks.AliasChange) error { return dead }
	second, err := l.run(true, func(r *projector.Rebuild) {
		r.Observe = func(e report.Event) {
			if e.Kind == report.Started && e.Phase == report.PhaseCatchUp {
				l.rows.Commit(sourcetest.Change{ID: "7", Row: &sourcetest.Row{Group: "g", Value: "changed"}})
			}
		}
	})
	if !errors.Is(err, dead) || !second.Resumable {
		t.Fatalf("%v: %+v", err, second)
	}
	l.memory.OnSwap = nil
	l.rows.Commit(sourcetest.Change{ID: "8", Row: &sourcetest.Row{Group: "g", Value: "changed"}})
	r, err := l.run(true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Attempts) != 3 {
		t.Fatalf("%d attempts: %+v", len(r.Attempts), r.Attempts)
	}
	for i, want := range []report.Status{report.Killed, report.Failed, report.Completed} {
		a := r.Attempts[i]
		if a.Status != want || a.Started.IsZero() || a.Seconds <= 0 || len(a.Phases) == 0 || (a.Reason != "") != (i == 1) {
			t.Errorf("attempt %d: %+v, want %s", i, a, want)
		}
	}
	if last := r.Attempts[0].Phases[len(r.Attempts[0].Phases)-1].Phase; last != report.PhaseLoad {
		t.Errorf("the first was killed in %s", last)
	}
	if again := r.Attempts[1].Redone; again < 1 || again >= 30 || r.Redone != again || r.Attempts[2].Redone != 0 {
		t.Errorf("%d documents were read again, %d in all", again, r.Redone)
	}
	var sum ledger.Pass
	for i, p := range r.Passes {
		sum.Produced += p.Produced
		sum.Written += p.Written
		if (p.Pass == "load") != (i == 0) {
			t.Errorf("passes %+v", r.Passes)
		}
	}
	if r.Ledger.Written != 82 || sum.Written != r.Ledger.Written || sum.Produced != r.Ledger.Produced || !r.Ledger.Balances() {
		t.Errorf("80 rows and 2 changes: ledger %+v, passes %+v", r.Ledger, r.Passes)
	}
	if len(r.Rounds) <= len(second.Rounds) {
		t.Errorf("%d rounds, %d in the first two processes", len(r.Rounds), len(second.Rounds))
	}
}

// A process that ends while a round writes has documents without a verdict. They are read
// again, so they are not among what the next process books of it.
func TestRecordOfAProcessThatEndsInARound(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	caughtUp := false
	l.memory.OnWrite = func(_ []sinks.Document, verdicts []sinks.Verdict) error {
		if !caughtUp {
			return nil
		}
		clear(verdicts)
		return errKilled
	}
	change := func(r *projector.Rebuild) {
		r.Observe = func(e report.Event) {
			if e.Kind == report.Started && e.Phase == report.PhaseCatchUp {
				caughtUp = true
				l.rows.Commit(sourcetest.Change{ID: "7", Row: &sourcetest.Row{Group: "g", Value: "changed"}}, sourcetest.Change{ID: "8"})
			}
		}
	}
	if _, err := l.run(false, change); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	l.memory.OnWrite = nil
	r, err := l.run(true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Ledger.Balances() || r.Ledger.Produced != 82 || r.Ledger.Written != 81 || r.Ledger.Deleted != 1 {
		t.Errorf("80 rows, a change and a deletion: %+v", r.Ledger)
	}
	for _, p := range r.Passes {
		if p.Produced != p.Written+p.Superseded+p.Deleted+p.Rejected {
			t.Errorf("pass %+v", p)
		}
	}
}
