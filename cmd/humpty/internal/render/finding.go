package render

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"humpty/internal/printable"
	"humpty/internal/ui"
	"humpty/projector/repair"
	"humpty/projector/verify"
	"humpty/sinks"
)

// Finding is what verify or repair has to say.
func Finding(w io.Writer, f repair.Result, err error) {
	v := f.Verified
	if v.Level != "" {
		fmt.Fprintf(w, "%s: %s compared with its source: %s\n", f.Projection, f.Generation, v.Level)
		fmt.Fprintf(w, "  documents  %s in the source: %s missing, %s stale, %s extra%s\n", ui.Count(v.Documents),
			ui.Count(v.Missing), ui.Count(v.Stale), ui.Count(v.Extra), others(v.Verification))
		if (v.Rejected > 0 || v.Poison > 0) && !v.Differs() {
			fmt.Fprintf(w, "  equal      but for %s\n", butFor(v))
		}
		if v.Rests != "" {
			fmt.Fprintf(w, "  rests on   %s\n", v.Rests)
		}
		if v.Proves != "" {
			fmt.Fprintf(w, "  sample     %s documents: %s\n", ui.Count(v.Sampled), v.Proves)
		}
		moving(w, v.Verification)
	}
	for _, q := range f.Queries {
		fmt.Fprintf(w, "  %s\n", q)
	}
	var differs *verify.Differs
	if f.Repair != nil || !errors.As(err, &differs) { // which says them
		for _, d := range v.First {
			fmt.Fprintf(w, "  %s\n", Indent(d.String()))
		}
	}
	if f.Delta != nil {
		delta(w, f.Delta)
	}
	if r := f.Repair; r != nil {
		amendments(w, f, r)
	}
	fmt.Fprintf(w, "  time       %s\n", ui.Time(ui.Seconds(f.Seconds)))
}

// moving names documents that were not compared.
func moving(w io.Writer, v sinks.Verification) {
	if len(v.MovingIDs) > 0 {
		fmt.Fprintf(w, "  moving     %s\n", strings.Join(values(v.MovingIDs), ", "))
	}
}

func values(texts []string) []string {
	all := make([]string, len(texts))
	for i, t := range texts {
		all[i] = printable.Value(t)
	}
	return all
}

// butFor is what an index that is equal to its sources is known to be without.
func butFor(v verify.Report) string {
	var parts []string
	if v.Rejected > 0 {
		parts = append(parts, fmt.Sprintf("%s refused, known", ui.Count(v.Rejected)))
	}
	if v.Poison > 0 {
		parts = append(parts, fmt.Sprintf("%s events that cannot be read or applied", ui.Count(v.Poison)))
	}
	return strings.Join(parts, " and ")
}

func others(v sinks.Verification) string {
	text := ""
	for _, more := range []struct {
		n    int64
		what string
	}{{v.Rejected, "refused"}, {v.Moved, "on their way"}, {v.Moving, "changed at each reading"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %s %s", ui.Count(more.n), more.what)
		}
	}
	return text
}

// amendments says what was written.
func amendments(w io.Writer, f repair.Result, r *repair.Changes) {
	if r.DryRun {
		fmt.Fprintf(w, "  repair     would write %s and delete %s documents; nothing was changed\n",
			ui.Count(f.Verified.Missing+f.Verified.Stale), ui.Count(f.Verified.Extra))
		return
	}
	fmt.Fprintf(w, "  repair     %s written, %s deleted, %s rejected", ui.Count(r.Written), ui.Count(r.Deleted), ui.Count(r.Rejected))
	if r.Superseded > 0 {
		fmt.Fprintf(w, ", %s given way to another writer", ui.Count(r.Superseded))
	}
	if r.Unfixed > 0 {
		fmt.Fprintf(w, ", %s still differ", ui.Count(r.Unfixed))
	}
	fmt.Fprintf(w, "\n")
}

// delta says what came behind the positions of a snapshot.
func delta(w io.Writer, d *repair.Delta) {
	if d.Not != "" {
		fmt.Fprintf(w, "  topics     read from their start: %s\n", d.Not)
		return
	}
	fmt.Fprintf(w, "  topics     %s events behind the snapshot's positions, about %s documents: %s written, %s deleted, %s as they were, %s rejected\n",
		ui.Count(d.Events()), ui.Count(d.Keys), ui.Count(d.Written), ui.Count(d.Deleted), ui.Count(d.Same), ui.Count(d.Rejected))
}
