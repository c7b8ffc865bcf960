package raw

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
)

// Naive is what people write first: one loop over the orders, a query for the lines of
// each and one for its customer, a map, json.Marshal, and one request for each document,
// or for each bulk documents. It stops after limit documents.
func Naive(ctx context.Context, dsn string, search *Search, index string, limit, bulk int) (done ScanResult, err error) {
	orders, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return done, fmt.Errorf("naive: %w", err)
	}
	defer orders.Close(context.WithoutCancel(ctx))
	details, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return done, fmt.Errorf("naive: %w", err)
	}
	defer details.Close(context.WithoutCancel(ctx))
	n := &naive{details: details, search: search, index: index, bulk: bulk}
	start := time.Now()
	rows, err := orders.Query(ctx, "SELECT * FROM shop.orders ORDER BY o_orderkey LIMIT $1", limit)
	if err != nil {
		return done, fmt.Errorf("naive: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		order, err := pgx.RowToMap(rows)
		if err == nil {
			err = n.order(ctx, order)
		}
		if err != nil {
			return done, fmt.Errorf("naive: order %v: %w", order["o_orderkey"], err)
		}
	}
	if err := errors.Join(rows.Err(), n.flush(ctx)); err != nil {
		return done, fmt.Errorf("naive: %w", err)
	}
	n.done.Seconds = time.Since(start).Seconds()
	return n.done, nil
}

// naive is one such loop.
type naive struct {
	details *pgx.Conn
	search  *Search
	index   string
	bulk    int

	body    bytes.Buffer
	pending int
	done    ScanResult
}

func (n *naive) order(ctx context.Context, order map[string]any) error {
	rows, err := n.details.Query(ctx, "SELECT * FROM shop.lineitem WHERE l_orderkey = $1 ORDER BY l_linenumber", order["o_orderkey"])
	if err != nil {
		return err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		return err
	}
	rows, err = n.details.Query(ctx, `SELECT c_name, c_mktsegment, n_name FROM shop.customer
		JOIN shop.nation ON n_nationkey = c_nationkey WHERE c_custkey = $1`, order["o_custkey"])
	if err != nil {
		return err
	}
	customer, err := pgx.CollectExactlyOneRow(rows, pgx.RowToMap)
	if err != nil {
		return err
	}
	order["lines"], order["customer"] = lines, customer
	dates(order)
	return n.write(ctx, fmt.Sprint(order["o_orderkey"]), order)
}

func (n *naive) write(ctx context.Context, id string, document map[string]any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	n.done.Documents++
	n.done.Bytes += int64(len(body))
	if n.bulk <= 1 {
		_, err := n.search.Call(ctx, http.MethodPut, "/"+n.index+"/_doc/"+url.PathEscape(id), body)
		return err
	}
	fmt.Fprintf(&n.body, `{"index":{"_id":%q}}`+"\n%s\n", id, body)
	if n.pending++; n.pending < n.bulk {
		return nil
	}
	return n.flush(ctx)
}

func (n *naive) flush(ctx context.Context) error {
	if n.pending == 0 {
		return nil
	}
	var answer bytes.Buffer
	err := shoot(ctx, n.search, n.index, Batch{Body: n.body.Bytes(), Documents: n.pending}, &answer)
	n.body.Reset()
	n.pending = 0
	return err
}

// dates writes dates without a time, as the mapping of the read model wants them.
func dates(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			v[name] = dates(value)
		}
	case []map[string]any:
		for i := range v {
			dates(v[i])
		}
	case time.Time:
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
	}
	return v
}
