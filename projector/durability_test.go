package projector_test

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
)

// losesWrites is a target that confirms twenty writes of a load and forgets them, as a node does
// that is killed before its log is on disk.
func losesWrites(l *processes, away *server) {
	writes := 0
	l.memory.OnWrite = func(_ []sinks.Document, verdicts []sinks.Verdict) error {
		if l.memory.IgnoreWrites {
			for i := range verdicts {
				verdicts[i] = sinks.Verdict{Outcome: sinks.Written, Status: 201}
			}
		}
		writes++
		l.memory.IgnoreWrites = writes >= 20 && writes < 40
		if writes == 40 {
			away.leave()
		}
		return away.err()
	}
}

func TestWritesThatTheTargetLostAreDoneAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, away := newProcesses(t), &server{lasts: time.Minute}
		l.target = remoteTarget{l.memory, away}
		losesWrites(l, away)
		rec, err := l.run(false, func(r *projector.Rebuild) { r.Projection.Limits.Writers = 1 })
		if err != nil || rec.Status != report.Completed || rec.Undone == 0 || !rec.Ledger.Balances() {
			t.Fatalf("%v: %+v", err, rec)
		}
		if !maps.Equal(documentsOf(t, l.memory), l.rows.Documents()) {
			t.Error("the index differs")
		}
	})
}

// Without an outage a difference is a defect, and is not put right on the quiet.
func TestDifferenceWithoutAnOutageFails(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	losesWrites(l, &server{})
	rec, err := l.run(false, nil)
	var differs *verify.Differs
	if !errors.As(err, &differs) || rec.Undone != 0 || rec.Resumable {
		t.Errorf("%v: %+v", err, rec)
	}
}
