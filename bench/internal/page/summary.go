package page

import (
	"fmt"
	"slices"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// Main is the run that a page is about: the newest full one, or where none is the newest
// that rebuilt an index.
func Main(runs [][]result.Result) []result.Result {
	for _, run := range slices.Backward(runs) {
		if run[0].Mode == "full" {
			return run
		}
	}
	for _, run := range slices.Backward(runs) {
		if len(combinations(run)) > 0 {
			return run
		}
	}
	return runs[len(runs)-1]
}

// trendRows is how many rows of the trend a summary has.
const trendRows = 12

// Summary is what a reader of the README wants: the picture, the main run's first table,
// the ratios of all runs, and what to think of them. Details is where the rest is, picture
// the file of SVG, both as links.
func Summary(runs [][]result.Result, picture, details string) string {
	run := Main(runs)
	all := combinations(run)
	if len(all) == 0 {
		return ""
	}
	c := all[0]
	r := run[0]
	var b strings.Builder
	fmt.Fprintf(&b, "![Documents per second beside the limits of the machine, and how the ratios moved](%s)\n\n", picture)
	fmt.Fprintf(&b, "Measured by `%s` on %s at commit %s, with %d cores (%s) and %d GB of memory for everything: engine, %s.\n\n",
		commandOf(r), r.Date.Format("2006-01-02"), r.ShortCommit(), r.Machine.Cores, r.Machine.CPU, (r.Machine.MemoryMB+512)/1024, servers(r))
	b.WriteString(table(run, c) + newerTables(runs))
	fmt.Fprintf(&b, "\nThe ratios of every kept run, newest first (1.00 is the limit; intervals in brackets):\n\n%s", trend(runs, trendRows))
	fmt.Fprintf(&b, "\n%s%s\n", ownCost(run, c), growthSentence(run))
	fmt.Fprintf(&b, "\n- %s\n", strings.Join([]string{
		"Ratios are medians of interleaved pairs (A B, B A, …) with the 95 % interval of the median (fewer than six pairs: smallest to largest). They travel to other machines; seconds do not.",
		"Both sides of a ratio write the same bytes, ids and versions into indices made by the same call: refresh off, no copies, asynchronous translog. A rebuild's seconds run from the first read to the end of the refresh; plan, verification and swap come on top.",
		"Not comparable: raw limits only check that nothing was refused, the rebuild takes a verdict for each document; one search node, so copies are in no figure. Extrapolated: the naive loop ran over some thousand documents and is compared by rate.",
		fmt.Sprintf("[All figures](%s): OpenSearch, other shapes, how cost grows, latencies, CPU of the servers, settings.", details),
	}, "\n- "))
	return b.String()
}

func servers(r result.Result) string {
	var all []string
	for _, name := range []string{"postgres", "elasticsearch", "opensearch", "kafka"} {
		if v := r.Versions[name]; v != "" {
			all = append(all, product(name)+" "+v)
		}
	}
	return strings.Join(all, ", ")
}

// growthSentence says in a sentence how memory and CPU grew with the data; empty if that was not
// measured.
func growthSentence(run []result.Result) string {
	all := pick(run, func(r result.Result) bool {
		return r.What == result.Rebuild && r.Settings.Factor > 0 && r.Settings.Connections == growthConnections
	})
	if len(all) < 2 {
		return ""
	}
	slices.SortStableFunc(all, func(a, b result.Result) int { return a.Orders - b.Orders })
	cpu := func(r result.Result) float64 { return r.Figures[figure.OwnCPU] / float64(max(r.Documents, 1)) * 1e6 }
	first, last := all[0], all[len(all)-1]
	return fmt.Sprintf(" With %.0f times the documents (%s, %d connections) they are %.1f s and %.0f MB instead of %.1f s and %.0f MB.",
		float64(last.Orders)/float64(first.Orders), thousands(float64(last.Orders)), growthConnections,
		cpu(last), last.Figures[figure.RSS], cpu(first), first.Figures[figure.RSS])
}

// growthConnections is the number of connections of which the sentence speaks.
const growthConnections = 4
