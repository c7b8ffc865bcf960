package main

import (
	"context"

	"humpty/bench/internal/figure"
	"humpty/internal/testenv/shop"
)

// session is everything about one data set, by a plan: each part beside its limits.
type session struct{ *limits }

// plain is the main part: everything about the shape asked for, plain by default.
func (s *session) plain(ctx context.Context, p plan, products []string) error {
	if err := s.seed(ctx, false); err != nil {
		return err
	}
	if err := s.capture(ctx); err != nil {
		return err
	}
	if err := s.nullPairs(ctx, p); err != nil {
		return err
	}
	for i, target := range products {
		if i > 0 {
			p.pairs, p.cells = p.secondPairs, quick().cells
		}
		if err := s.searchPart(ctx, p, target); err != nil {
			return err
		}
	}
	return nil
}

// richer repeats the pairs with the shape rich, at the best point of a small grid.
func (s *session) richer(ctx context.Context, p plan, target string) error {
	shape, orders := s.shape, s.orders
	defer func() { s.shape, s.orders = shape, orders }()
	s.shape, s.orders = shop.Rich, p.rich
	if err := s.seed(ctx, false); err != nil {
		return err
	}
	if err := s.capture(ctx); err != nil {
		return err
	}
	p.cells, p.naive = quick().cells, 0
	if err := s.nullPairs(ctx, p); err != nil {
		return err
	}
	return s.searchPart(ctx, p, target)
}

func (s *session) searchPart(ctx context.Context, p plan, target string) error {
	if p.naive > 0 {
		for _, bulk := range []int{1, 100} {
			if err := s.naive(ctx, target, min(p.naive, s.orders), bulk); err != nil {
				return err
			}
		}
	}
	best, err := s.grid(ctx, target, p)
	if err != nil {
		return err
	}
	return s.e2ePairs(ctx, p, target, best)
}

// nullPairs pairs the rebuild into nothing with raw COPY.
func (s *session) nullPairs(ctx context.Context, p plan) error {
	read := func(h half) error { return s.copy(ctx, h) }
	rebuild := func(h half) error {
		if _, err := s.rebuild(ctx, "null", 0, h, 0); err != nil || s.shape != shop.Plain || h.pair > p.queries {
			return err
		}
		return s.query(ctx, h)
	}
	return p.paired(s.lab, figure.SeriesNull, read, rebuild)
}

// e2ePairs pairs the rebuild into a search server with both ends at once, at the best
// point of the grid. The engine gets the shards from there, and finds the rest itself.
func (s *session) e2ePairs(ctx context.Context, p plan, target string, best cell) error {
	both := func(h half) error { return s.both(ctx, target, best, h) }
	rebuild := func(h half) error {
		index, err := s.rebuild(ctx, target, best.shards, h, 0)
		if err != nil {
			return err
		}
		if err := s.scan(ctx, target, index, s.corpus.Documents()); err != nil {
			return err
		}
		if h.pair <= p.repairs {
			r := repairs{s.lab}
			if err := r.age(ctx, target, index, best.shards); err != nil {
				return err
			}
			if err := r.pair(ctx, target, index, best.shards, h.pair); err != nil {
				return err
			}
		}
		return s.drop(ctx, index)
	}
	return p.paired(s.lab, figure.SeriesE2E, both, rebuild)
}

const seriesScale = "scale"

func (s *session) scales(ctx context.Context, g growth) error {
	wanted := s.data.connections
	defer func() { s.data.connections = wanted }()
	s.corpus = nil // memory that is not needed any more
	for _, factor := range g.factors {
		s.orders = g.base * factor
		if err := s.seed(ctx, false); err != nil {
			return err
		}
		for range g.times {
			for _, s.data.connections = range g.connections {
				if _, err := s.rebuild(ctx, "null", 0, half{series: seriesScale}, factor); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
