package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/internal/testenv/devstack"
)

// hashes of all rows of 3,000 orders from seed 7: they change only when the data set is
// changed on purpose, and then old measurements are no longer comparable.
var golden = map[Shape]string{
	Plain: "9e78b726ae8e872824be24a78cc693eb5bfb1282a19e3f3c6d26a9d69c030a23",
	Rich:  "669852f0d153de07979fa2ba6799ea80534ff8af524d3ca7e5b278504ae5c0e8",
}

func TestSameSeedSameRows(t *testing.T) {
	t.Parallel()
	for shape, want := range golden {
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()
			g := &rowMaker{options: Options{Orders: 3_000, Shape: shape}, dice: dice{seed: 7}}
			for i := range customers(3_000) {
				g.customer(i)
			}
			if shape == Rich {
				for i := range products(3_000) {
					g.product(i)
				}
			}
			for i := range 3_000 {
				g.order(i)
			}
			h := sha256.New()
			for _, c := range []copyRows{g.customers, g.products, g.orders, g.lines} {
				h.Write(c.buf)
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != want {
				t.Errorf("the rows hash to %s, want %s", got, want)
			}
		})
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	for _, shape := range []Shape{Plain, Rich} {
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()
			dsn := devstack.Postgres(t)
			var last Size
			size, err := Seed(t.Context(), dsn, Options{
				Orders: 30_000, Shape: shape, Seed: 7, Progress: func(s Size) { last = s },
			})
			if err != nil {
				t.Fatal(err)
			}
			if size != last || size.Orders != 30_000 || size.Customers != 3_000 {
				t.Errorf("size %+v, last progress %+v", size, last)
			}
			conn := open(t, dsn)
			count := func(query string) (n int64) {
				t.Helper()
				if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			if n := count("SELECT count(*) FROM shop.lineitem"); n != size.Lines {
				t.Errorf("%d lines in the table, Seed said %d", n, size.Lines)
			}
			if n := count("SELECT max(o_orderkey) FROM shop.orders"); n != orderKey(29_999) {
				t.Errorf("the last order key is %d", n)
			}
			if n := count("SELECT max(n) FROM (SELECT count(*) n FROM shop.orders GROUP BY o_custkey) x"); n < 300 {
				t.Errorf("the best customer has %d orders only: no hot spot", n)
			}
			if n := count("SELECT count(*) FROM shop.customer c WHERE NOT EXISTS (SELECT FROM shop.orders WHERE o_custkey = c_custkey)"); n == 0 {
				t.Error("every customer has ordered")
			}
			t.Logf("%+v, at most %d lines an order", size, count("SELECT max(n) FROM (SELECT count(*) n FROM shop.lineitem GROUP BY l_orderkey) x"))
		})
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"shop: -1 orders; from 1 to 1,000,000,000 are possible": {Orders: -1},
		`shop: unknown shape "fat": plain or rich`:              {Shape: "fat"},
		"shop: -2 connections; at least one is needed":          {Connections: -2},
	} {
		if _, err := Seed(t.Context(), "", o); err == nil || err.Error() != want {
			t.Errorf("Seed said %v, want %s", err, want)
		}
	}
}

func open(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}
