package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// updates are what others write beside a measurement.
type updates struct {
	dsn         string
	keys        []int64 // of orders
	connections int
	rows        int           // changed by one transaction: half of them orders, half lines
	every       time.Duration // between two transactions of a connection; 0: as many as they can
}

// paced is one writer that changes about so many rows a second.
func (w updates) paced(rate int) updates {
	w.connections, w.rows = 1, 10
	w.every = time.Duration(w.rows) * time.Second / time.Duration(rate)
	return w
}

// unbounded is what pgbench does: short transactions, one after the other.
func (w updates) unbounded() updates {
	w.connections, w.rows, w.every = 2, 4, 0
	return w
}

// sampledKeys are some orders' keys.
func sampledKeys(ctx context.Context, dsn string, n int) ([]int64, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, "SELECT o_orderkey FROM shop.orders ORDER BY hashint8(o_orderkey) LIMIT $1", n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// during does work while others write, and returns how many rows a second they changed.
func (w updates) during(ctx context.Context, work func() error) (perSecond float64, err error) {
	writers, stop := context.WithCancel(ctx)
	defer stop()
	var changed atomic.Int64
	var group errgroup.Group
	for i := range w.connections {
		group.Go(func() error {
			err := w.write(writers, rand.New(rand.NewPCG(1, uint64(i))), &changed)
			if writers.Err() != nil {
				return nil //nolint:nilerr // it was stopped
			}
			return err
		})
	}
	start := time.Now()
	err = work()
	took := time.Since(start).Seconds()
	total := float64(changed.Load())
	stop()
	return total / took, errors.Join(err, group.Wait())
}

const (
	changeOrders = "UPDATE shop.orders SET o_comment = $1 WHERE o_orderkey = ANY($2)"
	changeLines  = "UPDATE shop.lineitem SET l_comment = $1 WHERE l_linenumber = 1 AND l_orderkey = ANY($2)"
)

func (w updates) write(ctx context.Context, rng *rand.Rand, changed *atomic.Int64) error {
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	some := make([]int64, w.rows/2)
	for due := time.Now(); ; due = due.Add(w.every) {
		if wait := time.Until(due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for i := range some {
			some[i] = w.keys[rng.IntN(len(w.keys))]
		}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for _, sql := range []string{changeOrders, changeLines} {
				tag, err := tx.Exec(ctx, sql, fmt.Sprintf("changed %d", rng.Int64()), some)
				if err != nil {
					return err
				}
				changed.Add(tag.RowsAffected())
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write beside the measurement: %w", err)
		}
	}
}

// hot changes the same rows again and again, a statement and a commit each time.
func (w updates) hot(ctx context.Context, statements int) error {
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for range statements {
		tag, err := conn.Exec(ctx, "UPDATE shop.orders SET o_shippriority = o_shippriority + 1 WHERE o_orderkey = ANY($1)", w.keys)
		if err != nil || tag.RowsAffected() != int64(len(w.keys)) {
			return errors.Join(err, fmt.Errorf("%d rows were changed, not %d", tag.RowsAffected(), len(w.keys)))
		}
	}
	return nil
}
