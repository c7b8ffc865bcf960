package page

import (
	"strings"
	"testing"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

func TestLive(t *testing.T) {
	t.Parallel()
	m := func(what result.What, series string, pair int, seconds float64, figures map[string]float64) result.Result {
		return result.Result{Measurement: result.Measurement{
			What: what, Series: series, Pair: pair, Shape: "plain", Target: "elasticsearch", Orders: 100_000, Seconds: seconds, Figures: figures,
		}}
	}
	at := func(rate float64) map[string]float64 {
		return map[string]float64{figure.RowsWritten: rate, figure.LoadCPU: rate / 50, figure.CatchUp: 2, figure.Swap: 1, figure.Seal: 0.5, figure.Verify: 4}
	}
	run := []result.Result{
		m(result.Beside, figure.SeriesLive, 1, 10, at(1000)), m(result.Live, figure.SeriesLive, 1, 10.5, at(1020)),
		m(result.Live, figure.SeriesBusy, 0, 12, map[string]float64{figure.RowsWritten: 9000, figure.BehindMost: 3}),
		m(result.Live, figure.SeriesHot, 0, 30, map[string]float64{figure.Statements: 1000, figure.Reread: 1000}),
	}
	got := Live(run)
	for _, want := range []string{"1.05; the bound is 1.10", "CPU time that engine, PostgreSQL and target used meanwhile | 1.02 (20.4 s and 20.0 s)", "3.00 s; the bound is 10 s", "changed 9,000 rows/s", "at most 1,000 documents again"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if got := Live(run[2:]); got != "" {
		t.Errorf("without a pair: %s", got)
	}
}
