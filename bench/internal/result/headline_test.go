package result

import (
	"slices"
	"testing"

	"humpty/bench/internal/figure"
)

func measured(what What, target, series string, pair int, seconds float64, more ...func(*Result)) Result {
	r := Result{
		Stamp:       Stamp{Schema: schema, Run: "20260101t000000", Commit: "0123456789", Mode: "quick"},
		Measurement: Measurement{What: what, Target: target, Shape: "plain", Series: series, Pair: pair, Orders: 1000, Documents: 1000, Seconds: seconds},
	}
	for _, f := range more {
		f(&r)
	}
	return r
}

func sample() []Result {
	uses := func(cpu, rss float64) func(*Result) {
		return func(r *Result) { r.Figures = map[string]float64{figure.OwnCPU: cpu, figure.RSS: rss} }
	}
	one := func(r *Result) { r.Documents, r.Settings.BatchDocs = 10, 1 }
	return []Result{
		measured(Copy, "", figure.SeriesNull, 1, 1), measured(Rebuild, "null", figure.SeriesNull, 1, 1.5, uses(0.002, 80)),
		measured(Rebuild, "null", figure.SeriesNull, 2, 3, uses(0.003, 90)), measured(Copy, "", figure.SeriesNull, 2, 1.5),
		measured(Copy, "", figure.SeriesNull, 3, 1), // its other half is missing
		measured(BothEnds, "elasticsearch", figure.SeriesE2E, 1, 10), measured(Rebuild, "elasticsearch", figure.SeriesE2E, 1, 11),
		measured(BothEnds, "opensearch", figure.SeriesE2E, 1, 10), measured(Rebuild, "opensearch", figure.SeriesE2E, 1, 30),
		measured(Naive, "elasticsearch", "", 0, 11, one),
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	h := HeadlineOf(sample(), "plain", "elasticsearch")
	if h.Null.Median != 1.75 || h.Null.N != 2 {
		t.Errorf("null_vs_copy %+v, want the median of 1.5 and 2", h.Null)
	}
	if h.E2E.Median != 1.1 || h.E2E.N != 1 {
		t.Errorf("e2e_vs_limit %+v, want 1.1 of Elasticsearch alone", h.E2E)
	}
	if h.CPU.Median != 2.5 || h.RSS.Median != 85 {
		t.Errorf("cpu %v, rss %v", h.CPU, h.RSS)
	}
	if got := h.Naive.Median; got < 99.9 || got > 100.1 { // 1000 in 11 s against 10 in 11 s
		t.Errorf("naive_vs_rebuild %v, want 100", got)
	}
	if h.Run == "" || h.Commit == "" || h.Orders != 1000 {
		t.Errorf("the headline does not say what it is of: %+v", h)
	}
	if other := HeadlineOf(sample(), "rich", "elasticsearch"); other.E2E.N+other.Null.N+other.Naive.N != 0 {
		t.Errorf("figures of a shape that was not measured: %+v", other)
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	if got := Ratios(sample(), "plain", "", figure.SeriesNull, Rebuild, Copy); !slices.Equal(got, []float64{1.5, 2}) {
		t.Errorf("ratios %v: they belong to pairs, whichever half came first", got)
	}
}
