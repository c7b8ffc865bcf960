package page

import (
	"fmt"
	"slices"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// combination is what one table is about.
type combination struct{ shape, target string }

// combinations of a run, in the order they were measured.
func combinations(run []result.Result) []combination {
	var all []combination
	add := func(c combination) {
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	for _, r := range run {
		if r.What == result.Rebuild && r.Series == figure.SeriesE2E {
			add(combination{r.Shape, r.Target})
		}
	}
	for _, r := range run {
		known := slices.ContainsFunc(all, func(c combination) bool { return c.shape == r.Shape })
		if r.What == result.Rebuild && r.Target == "null" && r.Series == figure.SeriesNull && !known {
			add(combination{r.Shape, ""})
		}
	}
	return all
}

// group is equal measurements, repeated.
type group []result.Result

// pick collects what fits.
func pick(run []result.Result, fits func(result.Result) bool) group {
	var g group
	for _, r := range run {
		if fits(r) {
			g = append(g, r)
		}
	}
	return g
}

func (g group) seconds() result.Estimate {
	return g.estimate(func(r result.Result) float64 { return r.Seconds })
}

func (g group) perSecond() result.Estimate { return g.estimate(result.Result.PerSecond) }

func (g group) mb() result.Estimate { return g.estimate(result.Result.MBPerSecond) }

func (g group) figure(name string) result.Estimate {
	var values []float64
	for _, r := range g {
		if v, ok := r.Figures[name]; ok {
			values = append(values, v)
		}
	}
	return result.EstimateOf(values)
}

func (g group) estimate(of func(result.Result) float64) result.Estimate {
	var values []float64
	for _, r := range g {
		values = append(values, of(r))
	}
	return result.EstimateOf(values)
}

// best is the fastest cell of a grid by the median of its repetitions.
func best(grid group) group {
	cells := map[result.Settings]group{}
	var order []result.Settings
	for _, r := range grid {
		if cells[r.Settings] == nil {
			order = append(order, r.Settings)
		}
		cells[r.Settings] = append(cells[r.Settings], r)
	}
	var fastest group
	for _, s := range order {
		if fastest == nil || cells[s].seconds().Median < fastest.seconds().Median {
			fastest = cells[s]
		}
	}
	return fastest
}

func (g group) settings() result.Settings {
	if len(g) == 0 {
		return result.Settings{}
	}
	return g[0].Settings
}

// thousands groups digits: 1234567 is 1,234,567.
func thousands(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// product is a server's name as people write it.
func product(target string) string {
	switch target {
	case "postgres":
		return "PostgreSQL"
	case "elasticsearch":
		return "Elasticsearch"
	case "opensearch":
		return "OpenSearch"
	}
	return target
}
