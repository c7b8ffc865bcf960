package ui

import (
	"fmt"
	"strings"
	"time"
)

// etaText says when the last alias will serve. Those that wait for their turn take what an
// earlier run of theirs took, or as long as the others do, by the number of documents.
func (t *Table) etaText(now time.Time) string {
	last := 0.0
	ends := make([]float64, len(t.rows))
	var unmeasured []string
	each := t.perDocument(now)
	for i, r := range t.rows {
		own, known := r.remaining(now, each)
		if !known {
			unmeasured = append(unmeasured, r.Name)
		}
		for _, before := range r.After {
			ends[i] = max(ends[i], ends[before])
		}
		ends[i] += own
		last = max(last, ends[i])
	}
	eta := Time(Seconds(last))
	switch {
	case len(unmeasured) == 0:
		return fmt.Sprintf("ETA %s until all aliases serve", eta)
	case last == 0:
		return fmt.Sprintf("ETA not known (no measure of all phases of %s)", strings.Join(unmeasured, ", "))
	}
	return fmt.Sprintf("ETA over %s until all aliases serve (no measure of all phases of %s)", eta, strings.Join(unmeasured, ", "))
}

// remaining is the time to go of one run; each is what a document takes in the others, in seconds, 0
// where none has shown it.
func (r *row) remaining(now time.Time, each float64) (seconds float64, known bool) {
	switch {
	case r.outcome != "":
		return 0, true
	case !r.started.IsZero() && r.phase.eta != nil:
		eta := r.phase.eta.After(now.Sub(r.phase.etaAt), r.phase.name)
		return eta.Seconds, eta.Known()
	}
	if whole, ok := r.EarlierPace.Whole(r.Documents); ok {
		return whole, true
	}
	return each * float64(r.Documents), each > 0 && r.Documents > 0
}

// perDocument is how many seconds a document takes from the plan to the swap, in the runs
// that are over or know when they will be.
func (t *Table) perDocument(now time.Time) float64 {
	took, documents := 0.0, int64(0)
	for _, r := range t.rows {
		switch remaining, known := r.remaining(now, 0); {
		case r.outcome == "completed" || r.outcome == "verified":
			took += r.elapsed.Seconds()
			documents += r.loaded
		case !r.started.IsZero() && r.outcome == "" && known:
			took += now.Sub(r.started).Seconds() + remaining
			documents += r.Documents
		}
	}
	if documents == 0 {
		return 0
	}
	return took / float64(documents)
}
