package result

import (
	"math"
	"testing"
)

func TestEstimate(t *testing.T) {
	t.Parallel()
	upTo := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[(i*7)%n] = float64(i + 1) // not in order; 7 and n have no common factor
		}
		return v
	}
	for _, c := range []struct {
		n                           int
		median, low, high, coverage float64
	}{
		{1, 1, 1, 1, 0},
		{2, 1.5, 1, 2, 0.5},
		{3, 2, 1, 3, 0.75},
		{5, 3, 1, 5, 0.9375},
		{6, 3.5, 1, 6, 0.96875},
		{8, 4.5, 1, 8, 0.9921875},
		{9, 5, 2, 8, 0.9609375},
		{10, 5.5, 2, 9, 0.978515625},
		{20, 10.5, 6, 15, 0.9586105346679688},
		{25, 13, 8, 18, 0.9567147493362427},
	} {
		e := EstimateOf(upTo(c.n))
		want := Estimate{Median: c.median, Low: c.low, High: c.high, Coverage: c.coverage, N: c.n}
		if math.Abs(e.Coverage-want.Coverage) > 1e-9 {
			t.Errorf("%d values: coverage %v, want %v", c.n, e.Coverage, want.Coverage)
		}
		want.Coverage = e.Coverage
		if e != want {
			t.Errorf("%d values: %+v, want %+v", c.n, e, want)
		}
	}
	if e := EstimateOf(nil); e != (Estimate{}) || e.String() != "–" {
		t.Errorf("no values: %+v %s", e, e)
	}
}

func TestEstimateString(t *testing.T) {
	t.Parallel()
	for want, values := range map[string][]float64{
		"1.10":             {1.1},
		"1.50 (1.00–2.00)": {2, 1, 1.5},
		"12.3 (9.87–150)":  {12.34, 9.87, 150.2},
	} {
		if got := EstimateOf(values).String(); got != want {
			t.Errorf("%v: %s, want %s", values, got, want)
		}
	}
}

func TestDisjoint(t *testing.T) {
	t.Parallel()
	a, b, c := EstimateOf([]float64{1, 2, 3}), EstimateOf([]float64{3, 4, 5}), EstimateOf([]float64{3.1, 4, 5})
	if Disjoint(a, b) || Disjoint(b, a) || !Disjoint(a, c) || !Disjoint(c, a) {
		t.Error("intervals that touch are not disjoint, others are")
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	v := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.2: 1, 0.21: 2, 0.5: 3, 0.99: 5, 1: 5} {
		if got := Quantile(v, q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	if Quantile(nil, 0.5) != 0 {
		t.Error("a quantile of nothing is not 0")
	}
}
