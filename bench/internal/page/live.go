package page

import (
	"fmt"
	"slices"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// Live says what rebuilds beside writers were measured at; empty if they were not.
func Live(run []result.Result) string {
	of := func(what result.What, series string) group {
		return pick(run, func(r result.Result) bool { return r.What == what && r.Series == series })
	}
	beside, live := of(result.Beside, figure.SeriesLive), of(result.Live, figure.SeriesLive)
	if len(live) == 0 || len(beside) == 0 {
		return ""
	}
	r := live[0]
	var b strings.Builder
	fmt.Fprintf(&b, "| %s documents into %s, beside writers | |\n|---|---|\n", thousands(float64(r.Orders)), product(r.Target))
	line := func(what, figures string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(figures, args...))
	}
	ratio := result.EstimateOf(result.Ratios(run, r.Shape, r.Target, figure.SeriesLive, result.Live, result.Beside))
	line(fmt.Sprintf("load with capture ÷ load of one snapshot, both beside a writer of %s rows/s", thousands(live.figure(figure.RowsWritten).Median)),
		"%s; the bound is 1.10 (%s s and %s s)", ratio, live.seconds(), beside.seconds())
	if cpu := result.EstimateOf(result.Ratios(byCPU(run), r.Shape, r.Target, figure.SeriesLive, result.Live, result.Beside)); cpu.Median > 0 {
		line("the same by the CPU time that engine, PostgreSQL and target used meanwhile", "%s (%s s and %s s)",
			cpu, live.figure(figure.LoadCPU), beside.figure(figure.LoadCPU))
	}
	arrive := live.estimate(func(r result.Result) float64 { return r.Figures[figure.CatchUp] + r.Figures[figure.Swap] })
	line("from the end of the load to the swap, beside that writer", "%s s; the bound is 10 s; and seal (settings, copies) %s s, verification %s s",
		arrive, live.figure(figure.Seal), live.figure(figure.Verify))
	if busy := of(result.Live, figure.SeriesBusy); len(busy) > 0 {
		line(fmt.Sprintf("beside two writers without a limit, which changed %s rows/s", thousands(busy.figure(figure.RowsWritten).Median)),
			"the change reader was behind by at most %s MB of log during the load, and %s MB at its end; then catch-up %s s, swap %s s",
			busy.figure(figure.BehindMost), busy.figure(figure.BehindLoaded), busy.figure(figure.CatchUp), busy.figure(figure.Swap))
	}
	if hot := of(result.Live, figure.SeriesHot); len(hot) > 0 {
		line(fmt.Sprintf("%s statements during the load that each change the same 1,000 rows", thousands(hot.figure(figure.Statements).Median)),
			"a round reads at most %s documents again; the bound is 1,000", thousands(hot.figure(figure.Reread).Median))
	}
	return b.String()
}

// byCPU has the CPU time of loads for their seconds: what else goes on hardly touches it.
func byCPU(run []result.Result) []result.Result {
	run = slices.Clone(run)
	for i := range run {
		run[i].Seconds = run[i].Figures[figure.LoadCPU]
	}
	return run
}
