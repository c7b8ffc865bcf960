package engine

import (
	"fmt"

	"humpty/internal/testenv/shop"
	"humpty/sources"
)

// plainQuery is the plain read model as one SELECT, in which PostgreSQL builds the nested
// JSON: what a user may write under query: instead of includes.
const plainQuery = `SELECT o.*,
	(SELECT row_to_json(c) FROM (
		SELECT c_name, c_mktsegment, n_name
		FROM shop.customer LEFT JOIN shop.nation ON n_nationkey = c_nationkey
		WHERE c_custkey = o.o_custkey) c) AS customer,
	(SELECT coalesce(json_agg(row_to_json(l) ORDER BY l_linenumber), '[]')
		FROM shop.lineitem l WHERE l_orderkey = o.o_orderkey) AS lines
FROM shop.orders o`

// byQuery is the same document with its JSON from the server.
func (s Spec) byQuery(document sources.Shape) (sources.Shape, error) {
	if s.Shape != shop.Plain {
		return document, fmt.Errorf("there is no query for shape %s", s.Shape)
	}
	return sources.Shape{Query: plainQuery, ID: []string{"o_orderkey"}, Columns: []sources.Column{{Expr: "*"}}}, nil
}
