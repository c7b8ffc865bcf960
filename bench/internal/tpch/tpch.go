// Package tpch loads the tables of TPC-H, as its generators write them, into the shop's
// schema, so that its read model can be measured with data that others know.
package tpch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/shop"
)

// table is one file and where its columns go.
type table struct {
	name    string
	columns []string // of TPC-H, in the order of files without a header
	into    []target
}

// target is a column of the shop's table and the one of TPC-H that it is filled from.
type target struct {
	name, from string
	change     func(string) (string, error) // nil: as it is
}

func same(names ...string) (all []target) {
	for _, n := range names {
		all = append(all, target{name: n, from: n})
	}
	return all
}

// tables in an order that suits foreign keys.
func tables() []table {
	customer := strings.Fields("c_custkey c_name c_address c_nationkey c_phone c_acctbal c_mktsegment c_comment")
	orders := strings.Fields("o_orderkey o_custkey o_orderstatus o_totalprice o_orderdate o_orderpriority o_clerk o_shippriority o_comment")
	lines := strings.Fields(`l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag
		l_linestatus l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment`)
	return []table{
		{"nation", strings.Fields("n_nationkey n_name n_regionkey n_comment"), append(same("n_nationkey", "n_name"), target{name: "n_capital", from: "n_comment"})},
		{"customer", customer, same(customer...)},
		{"orders", orders, same(orders...)},
		{"lineitem", lines, append(
			same("l_orderkey", "l_linenumber", "l_extendedprice", "l_discount", "l_tax", "l_linestatus", "l_shipdate", "l_receiptdate", "l_shipinstruct", "l_shipmode", "l_comment"),
			target{name: "l_returned", from: "l_returnflag"}, target{name: "l_partname", from: "l_partkey", change: part}, target{name: "l_quantity", from: "l_quantity", change: whole},
		)},
	}
}

func part(key string) (string, error) { return "part " + key, nil }

// whole takes the zeros behind the point away.
func whole(number string) (string, error) {
	n, fraction, _ := strings.Cut(number, ".")
	if strings.Trim(fraction, "0") != "" {
		return "", fmt.Errorf("quantity %s is no whole number", number)
	}
	return n, nil
}

// Load replaces the schema shop by the files nation, customer, orders and lineitem of a
// folder: NAME.tbl (dbgen: | between and behind values, no header) or NAME.csv (header,
// comma). What the shop has and TPC-H has not is filled from what is nearest.
func Load(ctx context.Context, dsn, dir string) (size shop.Size, err error) {
	if size, err = shop.Seed(ctx, dsn, shop.Options{Orders: 1, Shape: shop.Plain}); err != nil { // for the tables
		return size, err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return size, fmt.Errorf("load TPC-H: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	size = shop.Size{}
	if _, err := conn.Exec(ctx, "TRUNCATE shop.nation, shop.customer, shop.orders, shop.lineitem"); err != nil {
		return size, fmt.Errorf("load TPC-H: %w", err)
	}
	for _, t := range tables() {
		rows, bytes, err := t.load(ctx, conn, dir)
		if err != nil {
			return size, fmt.Errorf("load TPC-H: table %s: %w", t.name, err)
		}
		size.Bytes += bytes
		switch t.name {
		case "customer":
			size.Customers = rows
		case "orders":
			size.Orders = rows
		case "lineitem":
			size.Lines = rows
		}
	}
	if size.Orders == 0 {
		return size, fmt.Errorf("load TPC-H: the files in %s have no orders", dir)
	}
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE shop.orders, shop.lineitem, shop.customer, shop.nation"); err != nil {
		return size, fmt.Errorf("load TPC-H: %w", err)
	}
	return size, nil
}

// load streams one file into its table.
func (t table) load(ctx context.Context, conn *pgx.Conn, dir string) (rows, bytes int64, err error) {
	path, err := find(dir, t.name)
	if err != nil {
		return 0, 0, err
	}
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	var names []string
	for _, to := range t.into {
		names = append(names, to.name)
	}
	from, to := io.Pipe()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		n, err := t.convert(file, filepath.Ext(path) == ".csv", to)
		bytes = n
		return errors.Join(err, to.CloseWithError(err))
	})
	group.Go(func() error {
		tag, err := conn.PgConn().CopyFrom(ctx, from, "COPY shop."+t.name+" ("+strings.Join(names, ", ")+") FROM STDIN")
		rows = tag.RowsAffected()
		return errors.Join(err, from.CloseWithError(err))
	})
	if err := group.Wait(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	return rows, bytes, nil
}

func find(dir, name string) (string, error) {
	for _, ending := range []string{".tbl", ".csv"} {
		path := filepath.Join(dir, name+ending)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is neither %s.tbl nor %[1]s.csv in %s: name the folder that a generator of TPC-H wrote", name, dir)
}

// places says where in a row of the file each target's value is.
func (t table) places(header []string) ([]int, error) {
	var at []int
	for _, to := range t.into {
		i := slices.Index(header, to.from)
		if i < 0 {
			return nil, fmt.Errorf("the file has no column %s, only %s", to.from, strings.Join(header, ", "))
		}
		at = append(at, i)
	}
	return at, nil
}
