package shop

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// Seed drops the schema shop of the database, if there is one, and creates it anew: rows
// first, over several connections at once, then keys and statistics. It says how much
// there is. A seeding that failed or was interrupted leaves an unfinished schema behind.
func Seed(ctx context.Context, dsn string, o Options) (Size, error) {
	if err := o.normalize(); err != nil {
		return Size{}, err
	}
	conn, err := connect(ctx, dsn)
	if err != nil {
		return Size{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := createTables(ctx, conn, o.Shape); err != nil {
		return Size{}, err
	}
	if err := sendNations(ctx, conn); err != nil {
		return Size{}, err
	}
	size, err := fillTables(ctx, dsn, o)
	if err != nil {
		return Size{}, err
	}
	if err := addKeys(ctx, conn, o.Shape); err != nil {
		return Size{}, err
	}
	return size, analyze(ctx, conn, o.Shape)
}

func sendNations(ctx context.Context, conn *pgconn.PgConn) error {
	l := loader{conn: conn}
	var rows copyRows
	for key, n := range nations {
		rows.int(key)
		rows.text(n.name)
		rows.text(n.capital)
		rows.end()
	}
	return l.send(ctx, "nation", &rows)
}

// fillTables lets each connection take the next span as it is done with the last one.
func fillTables(ctx context.Context, dsn string, o Options) (Size, error) {
	work := spans("customer", customers(o.Orders))
	if o.Shape == Rich {
		work = append(work, spans("product", products(o.Orders))...)
	}
	work = append(work, spans("orders", o.Orders)...)
	next := make(chan span, len(work))
	for _, s := range work {
		next <- s
	}
	close(next)

	var (
		mu    sync.Mutex
		total Size
	)
	group, ctx := errgroup.WithContext(ctx)
	for range min(o.Connections, len(work)) {
		group.Go(func() error {
			conn, err := connect(ctx, dsn)
			if err != nil {
				return err
			}
			defer conn.Close(context.WithoutCancel(ctx))
			l := &loader{conn: conn, rows: rowMaker{options: o, dice: dice{seed: o.Seed}}}
			for s := range next {
				size, err := l.fill(ctx, s)
				if err != nil {
					return err
				}
				mu.Lock()
				total.add(size)
				if o.Progress != nil {
					o.Progress(total)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait() // before total is read
	return total, err
}

func connect(ctx context.Context, dsn string) (*pgconn.PgConn, error) {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("shop: %w", err)
	}
	return conn, nil
}
