package postgres

import (
	"fmt"
	"testing"

	"humpty/sources"
)

const shopSQL = `
create table nation(n_nationkey int primary key, n_name text not null);
insert into nation select i, 'NATION ' || i from generate_series(0, 24) i;
create table customer(c_custkey int primary key, c_name text, c_nationkey int);
insert into customer select i, 'Customer "' || i || E'"\n', nullif(i % 26, 25) from generate_series(1, 300) i;
create table orders(o_orderkey int8 primary key, o_custkey int, o_total numeric(15,2), o_date date, o_comment text);
insert into orders select i * 4 - 2000, nullif(i % 310, 0), i * 1.25, date '1992-01-01' + i, repeat('x', i % 50) from generate_series(1, 1500) i;
create table lineitem(l_orderkey int8, l_linenumber int, l_qty numeric, l_flag char(1), l_note text, primary key (l_orderkey, l_linenumber));
insert into lineitem select i * 4 - 2000, n, i / 7.0 * n, 'N', 'note ' || n from generate_series(1, 1600) i, generate_series(1, 9) n where n <= i % 10;
create table part(p_orderkey int8, p_linenumber int, p_seq int, p_name text, primary key (p_orderkey, p_linenumber, p_seq));
insert into part select l_orderkey, l_linenumber, s, 'part ' || s from lineitem, generate_series(1, 3) s where s <= l_linenumber % 4;
analyze;`

func shopShape() sources.Shape {
	nation := sources.Shape{Name: "nation", From: "nation", On: on("n_nationkey", "c_nationkey"), One: true, Columns: plain("n_name"), Flatten: true}
	return sources.Shape{
		From: "orders",
		Include: []sources.Shape{
			{Name: "customer", From: "customer", On: on("c_custkey", "o_custkey"), One: true, Columns: plain("c_name"), Include: []sources.Shape{nation}},
			{
				Name: "lines", From: "lineitem", On: on("l_orderkey", "o_orderkey"), Many: true,
				OrderBy: []sources.Order{{Column: "l_linenumber", Desc: true}},
				Columns: []sources.Column{{Expr: "*"}, {Field: "twice", Expr: "l_qty * 2"}},
				Include: []sources.Shape{{
					Name: "parts", From: "part", Many: true, Values: "p_name",
					On: []sources.Join{{Child: "p_linenumber", Parent: "l_linenumber"}, {Child: "p_orderkey", Parent: "l_orderkey"}},
				}},
			},
		},
	}
}

const shopOracle = `
select o_orderkey, to_json(o)::jsonb || json_build_object(
  'customer', (select json_build_object('c_name', c_name, 'n_name', (select n_name from nation where n_nationkey = c_nationkey))
               from customer where c_custkey = o_custkey),
  'lines', coalesce((select json_agg(to_jsonb(l) || jsonb_build_object('twice', l_qty * 2, 'parts', coalesce((
       select json_agg(p_name order by p_seq) from part where p_orderkey = l_orderkey and p_linenumber = l_linenumber), '[]'))
     order by l_linenumber desc) from lineitem l where l_orderkey = o_orderkey), '[]'))::jsonb
from orders o`

func TestDocuments(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shopSQL)
	for _, c := range []Config{
		{},
		{MaxConnections: 1},
		{Memory: 1}, // customers and nations by key
		{PageBytes: 1, MaxConnections: 1},
		{PageBytes: 3000, Memory: 1},    // pages too small for what was asked
		{Chunks: 40, MaxConnections: 2}, // many partitions
		{Chunks: 400},
	} {
		t.Run(fmt.Sprintf("memory %d, page %d, chunks %d", c.Memory, c.PageBytes, c.Chunks), func(t *testing.T) {
			c.Shape = shopShape()
			own := *d.Database
			own.T = t
			d := database{&own}
			d.equal(d.read(c), shopOracle)
		})
	}
}
