package projector_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sources/sourcetest"
)

// rebuildUnderChanges runs a rebuild whose source takes 4 s for each lookup, and in which the given
// number of documents change anew whenever they are read again.
func rebuildUnderChanges(t *testing.T, documents int) (projector.Record, error) {
	t.Helper()
	l := newProcesses(t)
	l.source = slowSource{l.rows}
	row := &sourcetest.Row{Group: "g", Value: "again"}
	var restless atomic.Bool
	l.rows.OnLookup = func(ids []string) {
		if !restless.Load() {
			return
		}
		changes := make([]sourcetest.Change, len(ids))
		for i, id := range ids {
			changes[i] = sourcetest.Change{ID: id, Row: row}
		}
		l.rows.Commit(changes...)
	}
	return l.run(false, func(r *projector.Rebuild) {
		r.Observe = func(e report.Event) {
			if e.Kind != report.Started {
				return
			}
			restless.Store(e.Phase == report.PhaseCatchUp)
			if e.Phase == report.PhaseCatchUp {
				for i := range documents {
					l.rows.Commit(sourcetest.Change{ID: fmt.Sprint("restless ", i), Row: row})
				}
				synctest.Wait() // until they are marked
			}
		}
	})
}

// Changes that come as fast as they are settled end a run, which says the rates and what
// to do.
func TestChangesFasterThanTheyAreSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec, err := rebuildUnderChanges(t, 2600)
		if err == nil || !strings.Contains(err.Error(), "changes come as fast as they are settled") || !strings.Contains(err.Error(), "max_connections") {
			t.Fatalf("%v", err)
		}
		if !rec.Resumable {
			t.Error("it cannot be gone on with when less is written")
		}
	})
}

// Few documents that change all the time in front of slow servers are no reason to give up:
// a round cannot be shorter than one request.
func TestSlowServersAreNotTooManyChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := rebuildUnderChanges(t, 20); err != nil {
			t.Fatalf("after %s: %v", time.Since(start), err)
		}
	})
}
