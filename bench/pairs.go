package main

import (
	"cmp"
	"context"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
	"humpty/internal/testenv/shop"
)

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

// nullPairs pairs the rebuild into nothing with raw COPY.
func (l *lab) nullPairs(ctx context.Context, p plan) error {
	read := func(h half) error { return l.copy(ctx, h) }
	rebuild := func(h half) error {
		if _, err := l.rebuild(ctx, "null", 0, h, 0); err != nil || l.shape != shop.Plain || h.pair > p.queries {
			return err
		}
		return l.query(ctx, h)
	}
	return l.paired(p, figure.SeriesNull, read, rebuild)
}

// e2ePairs pairs the rebuild into a search server with both ends at once, at the best
// point of the grid. The engine gets the shards from there, and finds the rest itself.
func (l *lab) e2ePairs(ctx context.Context, p plan, target string, best cell) error {
	both := func(h half) error { return l.both(ctx, target, best, h) }
	rebuild := func(h half) error {
		index, err := l.rebuild(ctx, target, best.shards, h, 0)
		if err != nil {
			return err
		}
		if err := l.scan(ctx, target, index, l.corpus.Documents()); err != nil {
			return err
		}
		if h.pair <= p.repairs {
			if err := l.age(ctx, target, index, best.shards); err != nil {
				return err
			}
			if err := l.repairs(ctx, target, index, best.shards, h.pair); err != nil {
				return err
			}
		}
		return l.drop(ctx, index)
	}
	return l.paired(p, figure.SeriesE2E, both, rebuild)
}

func (l *lab) paired(p plan, series string, a, b func(half) error) error {
	of := func(f func(half) error) func(int) error {
		return func(pair int) error { return f(half{series, pair}) }
	}
	for range p.warmups {
		if err := l.uncounted(func() error { return interleave(1, of(a), of(b)) }); err != nil {
			return err
		}
	}
	return interleave(p.pairs, of(a), of(b))
}
