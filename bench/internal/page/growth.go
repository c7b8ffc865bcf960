package page

import (
	"fmt"
	"slices"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// growth says how the rebuild into the null sink grows with data and connections; empty
// if that was not measured.
func growth(run []result.Result) string {
	type point struct{ orders, connections int }
	points := map[point]group{}
	var order []point
	for _, r := range run {
		if r.What != result.Rebuild || r.Settings.Factor == 0 {
			continue
		}
		p := point{r.Orders, r.Settings.Connections}
		if points[p] == nil {
			order = append(order, p)
		}
		points[p] = append(points[p], r)
	}
	if len(order) == 0 {
		return ""
	}
	slices.SortStableFunc(order, func(a, b point) int {
		return (a.orders-b.orders)*1000 + a.connections - b.connections
	})
	var b strings.Builder
	b.WriteString("| null sink, orders | connections | documents/s | own CPU s a million documents | peak RSS MB |\n|--:|--:|--:|--:|--:|\n")
	for _, p := range order {
		g := points[p]
		cpu := g.estimate(func(r result.Result) float64 { return r.Figures[figure.OwnCPU] / float64(max(r.Documents, 1)) * 1e6 })
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", thousands(float64(p.orders)), p.connections,
			thousands(g.perSecond().Median), cpu, g.figure(figure.RSS))
	}
	return b.String()
}
