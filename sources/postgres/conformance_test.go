package postgres

import (
	"strconv"
	"sync/atomic"
	"testing"

	"humpty/sources/sourcetest"
)

func TestSource(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	var schemas atomic.Int64
	for name, c := range map[string]Config{
		"usual":          {Chunks: 6},
		"one connection": {Chunks: 2, MaxConnections: 1},
		"small pages":    {Chunks: 3, PageBytes: 2000, Memory: 1},
	} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
				schema := "s" + strconv.FormatInt(schemas.Add(1), 10)
				return harness(t, d.DSN, schema, c)
			})
		})
	}
}

// harness is the shop in a schema of its own.
func harness(t *testing.T, dsn, schema string, c Config) sourcetest.Harness {
	dsn += "&search_path=" + schema
	d := connectTo(t, dsn)
	d.Exec("create schema " + schema + ";" + shopSQL + "delete from orders where o_orderkey % 3 = 0; analyze orders")
	c.Shape = shopShape()
	h := sourcetest.Harness{
		Source:  d.source(c),
		Unknown: []byte("77"),
		Change: func(*testing.T) {
			d.Exec(`delete from orders where o_orderkey % 5 = 1; insert into orders values (77, 1); update orders set o_total = 1;
				delete from lineitem where l_linenumber = 2; update customer set c_name = 'x'`)
		},
		Leftovers: d.left,
	}
	for id, r := range d.read(Config{Shape: c.Shape}) {
		h.Want = append(h.Want, sourcetest.Line(id, string(r.Value)))
	}
	return h
}
