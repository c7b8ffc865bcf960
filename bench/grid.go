package main

import (
	"context"
	"slices"
)

// grid fires at every cell once, at the best ones again, and returns the best by the
// median of all its shots.
func (l *lab) grid(ctx context.Context, target string, p plan) (cell, error) {
	seconds := map[cell][]float64{}
	shoot := func(cells []cell) error {
		for _, c := range cells {
			s, err := l.fire(ctx, target, c)
			if err != nil {
				return err
			}
			seconds[c] = append(seconds[c], s)
		}
		return nil
	}
	err := l.uncounted(func() error { // the server is cold
		_, err := l.fire(ctx, target, p.cells[0])
		return err
	})
	if err != nil {
		return cell{}, err
	}
	if err := shoot(p.cells); err != nil {
		return cell{}, err
	}
	order := slices.Clone(p.cells)
	slices.SortStableFunc(order, func(a, b cell) int { return compareMedians(seconds[a], seconds[b]) })
	finalists := order[:min(p.repeat, len(order))]
	for range p.again {
		if err := shoot(finalists); err != nil {
			return cell{}, err
		}
	}
	best := slices.MinFunc(finalists, func(a, b cell) int { return compareMedians(seconds[a], seconds[b]) })
	l.say("best of the grid: %d writers × %g MB, %d shards", best.writers, best.batchMB, best.shards)
	return best, nil
}
