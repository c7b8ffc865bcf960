package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// customers write to the shop's tables and never stop until they are told to: they place
// orders, change and cancel them, and move house. They know nothing of the read model.
type customers struct {
	conn   *pgx.Conn
	group  errgroup.Group
	cancel context.CancelFunc
	writes atomic.Int64 // transactions
}

// writeInterval is the pace of the application.
const writeInterval = 5 * time.Millisecond

// newCustomers lets the customers in.
func newCustomers(ctx context.Context, postgres string, seed uint64) (*customers, error) {
	conn, err := pgx.Connect(ctx, postgres)
	if err != nil {
		return nil, fmt.Errorf("demo: the application cannot reach its database: %w", err)
	}
	var last int64
	if err := conn.QueryRow(ctx, "SELECT max(o_orderkey) FROM shop.orders").Scan(&last); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	c := &customers{conn: conn}
	ctx, c.cancel = context.WithCancel(ctx)
	c.group.Go(func() error {
		rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a play, not a secret
		tick := time.NewTicker(writeInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			if _, err := conn.Exec(context.WithoutCancel(ctx), c.change(rng, last)); err != nil {
				return fmt.Errorf("demo: the application: %w", err)
			}
			c.writes.Add(1)
		}
	})
	return c, nil
}

// change is one transaction; keys up to last were there before.
func (c *customers) change(rng *rand.Rand, last int64) string {
	n := c.writes.Load()
	some := 1 + rng.Int64N(last)
	const nearest = "(SELECT min(o_orderkey) FROM shop.orders WHERE o_orderkey >= %d)"
	switch rng.IntN(10) {
	case 0, 1: // an order like another one, with its lines
		from := fmt.Sprintf(nearest, some)
		return fmt.Sprintf(`INSERT INTO shop.orders SELECT %[1]d, o_custkey, 'O', o_totalprice, o_orderdate, o_orderpriority, o_clerk, o_shippriority, 'new %[1]d'
  FROM shop.orders WHERE o_orderkey = %[2]s;
INSERT INTO shop.lineitem SELECT %[1]d, l_linenumber, l_partname, l_quantity, l_extendedprice, l_discount, l_tax, l_returned, l_linestatus,
  l_shipdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment FROM shop.lineitem WHERE l_orderkey = %[2]s`, last+1_000_000+n, from)
	case 2: // one is cancelled
		return fmt.Sprintf(`WITH o AS (SELECT min(o_orderkey) AS key FROM shop.orders WHERE o_orderkey >= %d), l AS (DELETE FROM shop.lineitem USING o WHERE l_orderkey = key)
DELETE FROM shop.orders USING o WHERE o_orderkey = key`, some)
	case 3: // a customer changes the name, and so all of the orders
		return fmt.Sprintf("UPDATE shop.customer SET c_name = 'renamed %d' WHERE c_custkey = %d", n, some)
	case 4, 5, 6: // something is sent
		return fmt.Sprintf("UPDATE shop.lineitem SET l_linestatus = 'F', l_comment = 'sent %d' WHERE l_orderkey = "+nearest, n, some)
	}
	return fmt.Sprintf("UPDATE shop.orders SET o_orderstatus = 'P', o_comment = 'changed %d' WHERE o_orderkey = "+nearest, n, some)
}

// close waits until the last customer has gone.
func (c *customers) close(ctx context.Context) error {
	if c == nil || c.conn == nil {
		return nil
	}
	c.cancel()
	err := c.group.Wait()
	closing := c.conn.Close(context.WithoutCancel(ctx))
	c.conn = nil
	if err == nil {
		err = closing
	}
	return err
}
