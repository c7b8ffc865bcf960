package raw

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"humpty/sources"
)

// Reads lists the COPY statements that fetch every row a document needs, once: the root
// and what hangs on its key in key order and in so many ranges of equally many rows, all
// other tables whole. The root must be a table with one column as primary key.
func Reads(ctx context.Context, dsn string, root sources.Shape, ranges int) (reads []string, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("raw copy: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var key string
	err = conn.QueryRow(ctx, `SELECT quote_ident(attname) FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
		WHERE indrelid = $1::regclass AND indisprimary AND indnkeyatts = 1`, root.From).Scan(&key)
	if err != nil {
		return nil, fmt.Errorf("raw copy: table %s has no primary key of one column: %w", root.From, err)
	}
	bounds, err := boundaries(ctx, conn, root.From, key, ranges)
	if err != nil {
		return nil, err
	}
	for i := range bounds[1:] {
		reads = append(reads, ranged(root, key, bounds[i], bounds[i+1]))
		for _, in := range root.Include {
			if column, ok := onKey(in, key); ok {
				reads = append(reads, ranged(in, column, bounds[i], bounds[i+1]))
			}
		}
	}
	return append(reads, others(root, key)...), nil
}

// boundaries are the keys between which lie equally many rows, as literals, with an
// empty one at each end.
func boundaries(ctx context.Context, conn *pgx.Conn, table, key string, ranges int) ([]string, error) {
	sql := fmt.Sprintf(`SELECT quote_literal(max(k)) FROM
		(SELECT %s AS k, ntile($1) OVER (ORDER BY %[1]s) AS part FROM %s) x GROUP BY part ORDER BY part`, key, table)
	rows, err := conn.Query(ctx, sql, ranges)
	if err != nil {
		return nil, fmt.Errorf("raw copy: split %s: %w", table, err)
	}
	ends, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("raw copy: split %s: %w", table, err)
	}
	if len(ends) == 0 {
		return nil, fmt.Errorf("raw copy: table %s is empty: fill it with `go run ./bench seed`", table)
	}
	ends[len(ends)-1] = ""
	return append([]string{""}, ends...), nil
}

// ranged reads the rows with from < key ≤ to, in order.
func ranged(table sources.Shape, key, from, to string) string {
	var conditions []string
	if from != "" {
		conditions = append(conditions, key+" > "+from)
	}
	if to != "" {
		conditions = append(conditions, key+" <= "+to)
	}
	return copyOut(table, conditions, " ORDER BY "+key)
}

// others reads the tables that hang on something else than the root's key, each once.
func others(parent sources.Shape, key string) []string {
	var reads []string
	for _, in := range parent.Include {
		if _, ok := onKey(in, key); !ok {
			reads = append(reads, copyOut(in, nil, ""))
		}
		reads = append(reads, others(in, "")...)
	}
	return reads
}

// onKey is the column of a many include that is joined to the root's key and nothing else.
func onKey(in sources.Shape, key string) (string, bool) {
	if key == "" || in.One || len(in.On) != 1 || in.On[0].Parent != key {
		return "", false
	}
	return in.On[0].Child, true
}

func copyOut(table sources.Shape, conditions []string, order string) string {
	if table.Where != "" {
		conditions = append(conditions, "("+table.Where+")")
	}
	where := ""
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	return "COPY (SELECT " + columns(table) + " FROM " + table.From + where + order + ") TO STDOUT (FORMAT binary)"
}

// columns are what the document takes from the table, and what finds its parent.
func columns(table sources.Shape) string {
	var all []string
	for _, j := range table.On {
		all = append(all, j.Child)
	}
	for _, c := range table.Columns {
		if c.Expr == "*" {
			return "*"
		}
		all = append(all, c.Expr)
	}
	if len(table.Columns) == 0 {
		return "*"
	}
	return strings.Join(all, ", ")
}
