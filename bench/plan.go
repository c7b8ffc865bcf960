package main

import (
	"cmp"

	"humpty/bench/internal/result"
)

// plan is how much a run does.
type plan struct {
	mode        string
	orders      int // shape plain
	rich        int // orders of shape rich; 0: none
	pairs       int
	events      int // of a topic; 0: none
	queries     int // in so many of the pairs a query that builds the JSON is beside
	repairs     int // in so many of the pairs the index is spoilt and repaired
	naive       int // documents
	cells       []cell
	finalists   int    // how many of the best cells are repeated
	repeats     int    // how often
	secondPairs int    // pairs into the other search server; 0: none
	growth      growth // scale; base 0: none
	warmups     int
}

// growth is a grid of data and connections.
type growth struct {
	base                 int // orders
	factors, connections []int
	times                int
}

// growing is the grid of the verb scale.
func growing(base, times int) growth {
	return growth{base: base, factors: []int{1, 2, 5, 10}, connections: []int{1, 2, 4, 8}, times: times}
}

// quick is for every commit: minutes.
func quick() plan {
	return plan{
		mode: "quick", orders: 100_000, pairs: 3, events: 500_000, queries: 3, repairs: 3, naive: 3000,
		cells: []cell{
			{writers: 2, batchMB: 4, shards: 2},
			{writers: 4, batchMB: 4, shards: 2},
			{writers: 8, batchMB: 4, shards: 2},
			{writers: 4, batchMB: 1, shards: 2},
			{writers: 4, batchMB: 8, shards: 2},
			{writers: 4, batchMB: 4, shards: 1},
		},
		finalists: 2, repeats: 2, warmups: 1,
	}
}

// fullPlan is for claims: under an hour.
func fullPlan() plan {
	p := plan{
		mode: "full", orders: 300_000, rich: 20_000, pairs: 7, events: 2_000_000, queries: 7, repairs: 3, naive: 10_000,
		finalists: 4, repeats: 2, secondPairs: 5, growth: growing(100_000, 1), warmups: 1,
	}
	for _, shards := range []int{1, 2, 4} {
		for _, writers := range []int{2, 4, 8} {
			for _, mb := range []float64{1, 4, 8} {
				p.cells = append(p.cells, cell{writers: writers, batchMB: mb, shards: shards})
			}
		}
	}
	return p
}

// sized is the plan with so many orders: all else that has a size shrinks with them, so
// that every part can be tried in minutes.
func (p plan) sized(orders int) plan {
	if orders == 0 {
		return p
	}
	if orders < p.orders {
		part := func(n int) int { return (n*orders + p.orders - 1) / p.orders }
		p.rich, p.events, p.naive, p.growth.base = part(p.rich), part(p.events), part(p.naive), part(p.growth.base)
	}
	p.orders = orders
	return p
}

func compareMedians(a, b []float64) int {
	return cmp.Compare(result.EstimateOf(a).Median, result.EstimateOf(b).Median)
}

// interleave runs two measurements in pairs, the other one first in every second pair,
// so that whatever drifts hits both alike.
func interleave(pairs int, a, b func(pair int) error) error {
	for pair := 1; pair <= pairs; pair++ {
		first, second := a, b
		if pair%2 == 0 {
			first, second = b, a
		}
		if err := first(pair); err != nil {
			return err
		}
		if err := second(pair); err != nil {
			return err
		}
	}
	return nil
}

// paired measures two in the plan's pairs, behind those that do not count.
func (p plan) paired(l *lab, series string, a, b func(half) error) error {
	of := func(f func(half) error) func(int) error {
		return func(pair int) error { return f(half{series, pair}) }
	}
	for range p.warmups {
		if err := l.warmUp(func() error { return interleave(1, of(a), of(b)) }); err != nil {
			return err
		}
	}
	return interleave(p.pairs, of(a), of(b))
}

// half says which half of a pair a measurement is; zero for none.
type half struct {
	series string
	pair   int
}
