package page

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// Measures of the picture, in its own units.
const (
	width     = 760
	left      = 190 // where bars begin
	barRoom   = 420
	lineStep  = 26
	trendTop  = 34
	trendTall = 90
)

// style makes the picture readable on light and dark pages.
const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.title { font-weight: 600 }
.limit { fill: #b7bdc4 }
.ours { fill: #0969da }
.naive { fill: #cf222e }
.line { fill: none; stroke: #0969da; stroke-width: 2 }
.line2 { fill: none; stroke: #8250df; stroke-width: 2 }
.dot { fill: #0969da } .dot2 { fill: #8250df }
.axis { stroke: #b7bdc4; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 }
.limit { fill: #57606a } .ours, .dot { fill: #4493f8 } .naive { fill: #f85149 }
.line { stroke: #4493f8 } .line2 { stroke: #ab7df8 } .dot2 { fill: #ab7df8 } .axis { stroke: #57606a }
}
</style>
`

// SVG draws the main run's documents per second, limits beside what they limit, and
// the ratios over the runs of the same shape and target. It needs nothing from outside.
func SVG(runs [][]result.Result) string {
	run := Main(runs)
	all := combinations(run)
	if len(all) == 0 {
		return ""
	}
	c := all[0]
	var body strings.Builder
	y := bars(&body, run, c)
	y = lines(&body, runs, c, y+20)
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%[1]d\" height=\"%[2]d\" role=\"img\" aria-label=\"%s\">\n",
		width, y, escape("documents per second of humpty beside the limits of the machine")) + style + body.String() + "</svg>\n"
}

// bar is one line of the upper half.
type bar struct {
	label, class, remark string
	rate                 float64
}

func bars(b *strings.Builder, run []result.Result, c combination) (bottom int) {
	var all []bar
	for _, r := range rowsOf(run, c) {
		all = append(all, barOf(run, c, r))
	}
	fastest := 1.0
	for _, x := range all {
		fastest = max(fastest, x.rate)
	}
	text(b, 10, 22, "title", fmt.Sprintf("Documents per second: %s", title(run, c)))
	y := 44
	for _, x := range all {
		long := max(x.rate/fastest*barRoom, 1)
		text(b, 10, y+13, "", x.label)
		fmt.Fprintf(b, "<rect class=%q x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"16\" rx=\"2\"/>\n", x.class, left, y, long)
		text(b, left+int(long)+6, y+13, "small", thousands(x.rate)+x.remark)
		y += lineStep
	}
	text(b, 10, y+12, "small", fmt.Sprintf("%s, %s, %d cores shared with the servers; grey: limits, with nothing of humpty's in between", run[0].Date.Format("2006-01-02"), run[0].ShortCommit(), run[0].Machine.Cores))
	return y + 20
}

func barOf(run []result.Result, c combination, r row) bar {
	what, s := r.group[0].What, r.group.settings()
	x := bar{class: "limit", rate: r.group.perSecond().Median}
	switch {
	case what == result.Copy:
		x.label = fmt.Sprintf("COPY, %d connections", s.Connections)
		x.rate = float64(documents(run, c)) / cmp.Or(r.group.seconds().Median, 1)
	case what == result.Firehose:
		x.label = "_bulk from memory"
	case what == result.BothEnds:
		x.label = "both ends at once"
	case what == result.Scan:
		x.label = "scan of the index"
	case what == result.Verify && r.group[0].Series == figure.SeriesE2E:
		x.label, x.class = "verification", "ours"
	case what == result.Verify:
		x.label, x.class = "verification, live", "ours"
	case what == result.Repair:
		x.label, x.class = "repair of 1 %", "ours"
	case what == result.Query:
		x.label, x.class = "JSON by PostgreSQL", "limit"
	case what == result.Naive && s.BatchDocs == 1:
		x.label, x.class = "naive, one by one", "naive"
	case what == result.Naive:
		x.label, x.class = fmt.Sprintf("naive, bulks of %d", s.BatchDocs), "naive"
	case r.group[0].Target == "null":
		x.label, x.class = "rebuild, null sink", "ours"
	default:
		x.label, x.class = "rebuild, "+product(c.target), "ours"
	}
	if r.against.N > 0 && what != result.Naive {
		x.remark = fmt.Sprintf("   (%.2f %s)", r.against.Median, r.limit)
	}
	return x
}

// lines draws e2e_vs_limit and null_vs_copy over the runs.
func lines(b *strings.Builder, runs [][]result.Result, c combination, top int) (bottom int) {
	var e2e, null []float64
	for _, run := range runs {
		if !slices.Contains(combinations(run), c) {
			continue
		}
		h := result.HeadlineOf(run, c.shape, c.target)
		e2e, null = append(e2e, h.E2E.Median), append(null, h.Null.Median)
	}
	if len(e2e) < 2 {
		return top
	}
	highest := max(slices.Max(e2e), slices.Max(null), 1.2)
	at := func(ratio float64) float64 { return float64(top+trendTop) + trendTall*(1-(ratio-0.9)/(highest-0.9)) }
	text(b, 10, top+14, "title", fmt.Sprintf("Times the limit over %d runs, oldest first: 1.0 is the limit", len(e2e)))
	fmt.Fprintf(b, "<line class=\"axis\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", left, at(1), left+barRoom, at(1))
	text(b, left-26, int(at(1))+4, "small", "1.0")
	for i, s := range []struct {
		name   string
		values []float64
		suffix string
	}{{"e2e_vs_limit", e2e, ""}, {"null_vs_copy", null, "2"}} {
		polyline(b, s.values, s.suffix, at)
		text(b, left+barRoom+10, top+trendTop+16*i+12, "small", fmt.Sprintf("%s %.2f", s.name, s.values[len(s.values)-1]))
		fmt.Fprintf(b, "<rect class=\"dot%s\" x=\"%d\" y=\"%d\" width=\"6\" height=\"6\"/>\n", s.suffix, left+barRoom, top+trendTop+16*i+5)
	}
	return top + trendTop + trendTall + 16
}

func polyline(b *strings.Builder, values []float64, suffix string, at func(float64) float64) {
	var points []string
	for i, v := range values {
		if v > 0 {
			x := left + float64(i)*(barRoom-20)/float64(len(values)-1)
			points = append(points, fmt.Sprintf("%.1f,%.1f", x, at(v)))
			fmt.Fprintf(b, "<circle class=\"dot%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", suffix, x, at(v))
		}
	}
	fmt.Fprintf(b, "<polyline class=\"line%s\" points=\"%s\"/>\n", suffix, strings.Join(points, " "))
}

func text(b *strings.Builder, x, y int, class, s string) {
	fmt.Fprintf(b, "<text class=%q x=\"%d\" y=\"%d\">%s</text>\n", class, x, y, escape(s))
}

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return "" // a strings.Builder takes everything
	}
	return b.String()
}
