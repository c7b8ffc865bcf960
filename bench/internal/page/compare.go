package page

import (
	"fmt"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// Change is how one figure of a run relates to that of an earlier one.
type Change struct {
	Shape     string          `json:"shape"`
	Target    string          `json:"target"`
	Figure    string          `json:"figure"`
	A         result.Estimate `json:"a"`
	B         result.Estimate `json:"b"`
	Percent   float64         `json:"percent"` // of the median; more is worse
	Noise     bool            `json:"noise"`   // the intervals overlap: no difference was shown
	Regressed bool            `json:"regressed"`
}

// Compare holds run b against run a, figure by figure, where both have it. All figures
// are such that more is worse. Ratios are always compared; costs in seconds and bytes
// only if both runs were of as many orders on the same kind of machine. A figure has
// regressed if it is worse by more than bound (0.10: ten percent) and the intervals do
// not overlap.
func Compare(a, b []result.Result, bound float64) []Change {
	var changes []Change
	for _, c := range combinations(b) {
		was, is := result.HeadlineOf(a, c.shape, c.target), result.HeadlineOf(b, c.shape, c.target)
		same := a[0].Machine == b[0].Machine && was.Orders == is.Orders
		for _, f := range []struct {
			name   string
			a, b   result.Estimate
			anyhow bool
		}{
			{"e2e_vs_limit", was.E2E, is.E2E, true},
			{"null_vs_copy", was.Null, is.Null, true},
			{"cpu_s_per_million_docs", was.CPU, is.CPU, same},
			{"rss_mb", was.RSS, is.RSS, same},
			{"allocs_per_doc", allocations(a, c), allocations(b, c), true},
		} {
			if f.a.N == 0 || f.b.N == 0 || !f.anyhow {
				continue
			}
			change := Change{Shape: c.shape, Target: c.target, Figure: f.name, A: f.a, B: f.b}
			if f.a.Median > 0 {
				change.Percent = (f.b.Median/f.a.Median - 1) * 100
			}
			change.Noise = !result.Disjoint(f.a, f.b)
			change.Regressed = !change.Noise && change.Percent > bound*100
			changes = append(changes, change)
		}
	}
	return changes
}

func allocations(run []result.Result, c combination) result.Estimate {
	return pick(run, func(r result.Result) bool {
		return r.Shape == c.shape && r.What == result.Rebuild && r.Series == figure.SeriesNull
	}).figure(figure.Allocs)
}

// Changes renders a comparison as a table for people.
func Changes(a, b result.Stamp, changes []Change) string {
	var out strings.Builder
	fmt.Fprintf(&out, "A: %s %s %s\nB: %s %s %s\n", a.Run, a.ShortCommit(), a.Mode, b.Run, b.ShortCommit(), b.Mode)
	if a.Machine != b.Machine {
		out.WriteString("The machines differ: only ratios are compared.\n")
	}
	fmt.Fprintf(&out, "\n%-6s %-14s %-23s %20s %20s %9s\n", "shape", "target", "figure", "A", "B", "change")
	for _, c := range changes {
		var verdict string
		switch {
		case c.Noise:
			verdict = "within noise"
		case c.Regressed:
			verdict = "WORSE"
		case c.Percent > 0:
			verdict = "a little worse"
		default:
			verdict = "better"
		}
		fmt.Fprintf(&out, "%-6s %-14s %-23s %20s %20s %+8.1f%%  %s\n", c.Shape, c.Target, c.Figure, c.A, c.B, c.Percent, verdict)
	}
	if len(changes) == 0 {
		out.WriteString("They have no figure in common.\n")
	}
	return out.String()
}
