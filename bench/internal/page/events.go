package page

import (
	"fmt"
	"slices"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// eventsTable says how fast events are folded beside raw fetch; empty if that was not
// measured.
func eventsTable(run []result.Result) string {
	of := func(what result.What, fold string, small bool) group {
		return pick(run, func(r result.Result) bool {
			return r.What == what && r.Series == figure.SeriesEvents && r.Settings.Fold == fold && (r.Settings.MemoryMB > 0) == small
		})
	}
	fetch := of(result.Fetch, "", false)
	if len(fetch) == 0 {
		return ""
	}
	var b strings.Builder
	r := fetch[0]
	fmt.Fprintf(&b, "| %s events of %.0f bytes, %.0f for each document | seconds | events/s | MB/s of events | times its limit |\n|---|--:|--:|--:|--:|\n",
		thousands(r.Figures[figure.Events]), float64(r.Bytes)/float64(max(r.Documents, 1)), r.Figures[figure.Events]/float64(max(r.Orders, 1)))
	line := func(label string, g group, against string) {
		perSecond := g.estimate(func(r result.Result) float64 { return r.Figures[figure.Events] / r.Seconds })
		megabytes := perSecond.Median * float64(r.Bytes) / float64(max(r.Documents, 1)) / 1e6
		fmt.Fprintf(&b, "| %s | %s | %s | %.3g | %s |\n", label, g.seconds(), thousands(perSecond.Median), megabytes, against)
	}
	line(fmt.Sprintf("raw fetch from Kafka, %d partitions at once", r.Settings.Connections), fetch, "–")
	for _, f := range []struct {
		fold, label string
		small       bool
	}{
		{"handlers", "**folded by declared handlers, into nothing**", false},
		{"javascript", "**folded by JavaScript, into nothing**", false},
		{"handlers", "**by declared handlers, with %.0f MB for what is folded, a tenth of it; the rest waits on disk**", true},
	} {
		g := of(result.Fold, f.fold, f.small)
		if len(g) == 0 {
			continue
		}
		if f.small {
			f.label = fmt.Sprintf(f.label, g[0].Settings.MemoryMB)
		}
		ratios := result.EstimateOf(result.Ratios(slices.Concat(fetch, g), r.Shape, "", figure.SeriesEvents, result.Fold, result.Fetch))
		line(f.label, g, fmt.Sprintf("%s × raw fetch; %s s of own CPU, %s MB peak RSS", ratios, g.figure(figure.OwnCPU), g.figure(figure.RSS)))
	}
	return b.String()
}

// newerTables is what the main run has not measured yet and a newer run has: its rows beside
// what they are related to; empty if there is nothing.
func newerTables(runs [][]result.Result) string {
	run := Main(runs)
	var b strings.Builder
	if eventsTable(run) == "" {
		if newer := newest(runs, func(r []result.Result) bool { return eventsTable(r) != "" }); newer != nil {
			fmt.Fprintf(&b, "\nFrom `%s` at commit %s:\n\n%s", commandOf(newer[0]), newer[0].ShortCommit(), eventsTable(newer))
		}
	} else {
		b.WriteString("\n" + eventsTable(run))
	}
	repaired := func(run []result.Result) bool {
		return slices.ContainsFunc(run, func(r result.Result) bool { return r.What == result.Repair })
	}
	if newer := newest(runs, repaired); newer != nil && !repaired(run) {
		rows := slices.DeleteFunc(rowsOf(newer, combinations(newer)[0]), func(r row) bool {
			switch r.group[0].What {
			case result.Query, result.Verify, result.Repair:
				return false
			}
			return !r.bold
		})
		fmt.Fprintf(&b, "\nFrom `%s` at commit %s:\n\n%s", commandOf(newer[0]), newer[0].ShortCommit(), render(newer, combinations(newer)[0], rows))
	}
	if newer := newest(runs, func(r []result.Result) bool { return Live(r) != "" }); newer != nil {
		fmt.Fprintf(&b, "\nFrom `%s` at commit %s:\n\n%s", commandOf(newer[0]), newer[0].ShortCommit(), Live(newer))
	}
	return b.String()
}

func newest(runs [][]result.Result, has func([]result.Result) bool) []result.Result {
	for _, run := range slices.Backward(runs) {
		if has(run) {
			return run
		}
	}
	return nil
}
