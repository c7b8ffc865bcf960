package render

import (
	"fmt"
	"io"
	"strings"

	"humpty/internal/printable"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/projector/report"
)

// Record is the end of a rebuild that did what was asked.
func Record(w io.Writer, r projector.Record) {
	l := r.Ledger
	head := fmt.Sprintf("alias %s serves %s", r.Alias, r.Generation)
	switch {
	case r.Status == report.Verified:
		head = fmt.Sprintf("%s is verified; the alias was not touched. Next: humpty swap %s --to %s", r.Generation, r.Projection, printable.Shell(r.Generation))
	case r.Previous == r.Generation:
		head += ", as its sources have it now"
		if v := r.Verified; v != nil {
			head += fmt.Sprintf(": %s documents were written again", ui.Count(v.Repaired))
		}
	case r.Previous != "":
		head += fmt.Sprintf(" (before: %s, kept; humpty rollback %s goes back)", r.Previous, r.Projection)
	}
	fmt.Fprintf(w, "%s: %s\n", r.Projection, head)
	fmt.Fprintf(w, "  documents  %s written, %s superseded, %s deleted, %s rejected\n", ui.Count(l.Written), ui.Count(l.Superseded), ui.Count(l.Deleted), ui.Count(l.Rejected))
	if r.DeadLetters != "" {
		fmt.Fprintf(w, "  refused    with reason and body in %s; humpty dlq list %s\n", r.DeadLetters, r.Projection)
	}
	fmt.Fprintf(w, "  read       %s rows, %s\n", ui.Count(l.Inputs.Rows), ui.Bytes(l.Inputs.Bytes))
	fmt.Fprintf(w, "  sent       %s of documents, %s in all%s\n", ui.Bytes(l.Bytes), ui.Bytes(l.Sent), retried(l))
	if v := r.Verified; v != nil {
		fmt.Fprintf(w, "  verified   %s: %s documents, %s missing, %s stale, %s extra%s\n", v.Level, ui.Count(v.Documents), ui.Count(v.Missing), ui.Count(v.Stale), ui.Count(v.Extra), others(*v))
		moving(w, *v)
	}
	for _, q := range r.Queries {
		fmt.Fprintf(w, "  %s\n", q)
	}
	times(w, r)
}

// times is how long a run took, in all of its processes.
func times(w io.Writer, r projector.Record) {
	attempts := r.Attempts
	if len(attempts) == 0 {
		attempts = []checkpoint.Attempt{{Seconds: r.Seconds, Phases: r.Phases, Status: r.Status}}
	}
	var order []report.Phase
	took, all := map[report.Phase]float64{}, 0.0
	var processes []string
	for _, attempt := range attempts {
		for _, p := range attempt.Phases {
			if _, known := took[p.Phase]; !known {
				order = append(order, p.Phase)
			}
			took[p.Phase] += p.Seconds
		}
		all += attempt.Seconds
		processes = append(processes, fmt.Sprintf("%s after %s", attempt.Status, ui.Time(ui.Seconds(attempt.Seconds))))
	}
	var times []string
	for _, p := range order {
		times = append(times, fmt.Sprintf("%s %s", p, ui.Time(ui.Seconds(took[p]))))
	}
	rate := ""
	if load := took[report.PhaseLoad]; load > 0 {
		rate = fmt.Sprintf("; load %s documents/s", ui.Count(int64(float64(r.Ledger.Written)/load)))
	}
	fmt.Fprintf(w, "  time       %s (%s)%s\n", ui.Time(ui.Seconds(all)), strings.Join(times, ", "), rate)
	if len(processes) > 1 {
		fmt.Fprintf(w, "  processes  %s; %s documents were read and written again\n", strings.Join(processes, ", "), ui.Count(r.Redone))
	}
}

func retried(l ledger.Ledger) string {
	if l.Retries == 0 {
		return ""
	}
	return fmt.Sprintf(", %s sent again, %s of these because the target was full", ui.Count(l.Retries), ui.Count(l.Throttled))
}
