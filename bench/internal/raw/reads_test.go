package raw

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/internal/testenv/devstack"
	"humpty/internal/testenv/shop"
	"humpty/sources"
)

// shopShape is the shop's read model, as far as the reads depend on it.
func shopShape() sources.Shape {
	on := func(child, parent string) []sources.Join { return []sources.Join{{Child: child, Parent: parent}} }
	columns := func(names ...string) (all []sources.Column) {
		for _, n := range names {
			all = append(all, sources.Column{Field: n, Expr: n, Plain: true})
		}
		return all
	}
	return sources.Shape{From: "shop.orders", Include: []sources.Shape{
		{Name: "customer", From: "shop.customer", One: true, On: on("c_custkey", "o_custkey"), Columns: columns("c_name", "c_mktsegment"), Include: []sources.Shape{
			{Name: "nation", From: "shop.nation", One: true, On: on("n_nationkey", "c_nationkey"), Columns: columns("n_name")},
		}},
		{Name: "lines", From: "shop.lineitem", Many: true, On: on("l_orderkey", "o_orderkey"), Where: "l_tax >= 0"},
	}}
}

func TestReads(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	size, err := shop.Seed(t.Context(), dsn, shop.Options{Orders: 1000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	reads, err := Reads(t.Context(), dsn, shopShape(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(reads) != 2*4+2 {
		t.Errorf("%d reads, want 4 ranges of orders and lines, customers and nations", len(reads))
	}
	for _, want := range []string{
		"COPY (SELECT c_custkey, c_name, c_mktsegment FROM shop.customer) TO STDOUT (FORMAT binary)",
		"COPY (SELECT n_nationkey, n_name FROM shop.nation) TO STDOUT (FORMAT binary)",
	} {
		if !slices.Contains(reads, want) {
			t.Errorf("%s is missing in\n%s", want, strings.Join(reads, "\n"))
		}
	}
	if first := reads[1]; !strings.HasPrefix(first, "COPY (SELECT * FROM shop.lineitem WHERE l_orderkey <= '") || !strings.HasSuffix(first, "AND (l_tax >= 0) ORDER BY l_orderkey) TO STDOUT (FORMAT binary)") {
		t.Errorf("the first range of lines: %s", first)
	}
	nations := int64(25)
	for _, connections := range []int{1, 3} {
		c, err := Copy(t.Context(), dsn, reads, connections)
		if err != nil {
			t.Fatal(err)
		}
		if want := size.Orders + size.Lines + size.Customers + nations; c.Rows != want || c.Bytes < want*20 || c.Seconds <= 0 {
			t.Errorf("%d connections: %+v, want every row once: %d", connections, c, want)
		}
	}
}

func TestReadsErrors(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE nokey (a int); CREATE TABLE empty (a int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]string{"nokey": "no primary key of one column", "empty": "bench seed"} {
		if _, err := Reads(t.Context(), dsn, sources.Shape{From: table}, 4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("table %s: %v, want %s", table, err, want)
		}
	}
	if _, err := Copy(t.Context(), dsn, []string{"COPY gone TO STDOUT"}, 2); err == nil || !strings.Contains(err.Error(), "COPY gone TO STDOUT") {
		t.Errorf("a read that fails: %v, want the statement in it", err)
	}
}
