package shop

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// loader fills the tables over one connection.
type loader struct {
	conn *pgconn.PgConn
	rows rowMaker
}

// batch is how many orders, customers or products are made before they are sent.
const batch = 5_000

// span is a part of a table: the rows from number first to below end.
type span struct {
	table      string
	first, end int
}

func spans(table string, rows int) []span {
	var all []span
	for first := 0; first < rows; first += batch {
		all = append(all, span{table, first, min(first+batch, rows)})
	}
	return all
}

// fill makes and sends the rows of one span, lines along with their orders.
func (l *loader) fill(ctx context.Context, s span) (Size, error) {
	var row func(int)
	switch s.table {
	case "customer":
		row = l.rows.customer
	case "product":
		row = l.rows.product
	default:
		row = l.rows.order
	}
	for i := s.first; i < s.end; i++ {
		row(i)
	}
	var size Size
	for _, t := range []struct {
		name  string
		rows  *copyRows
		count *int64
	}{
		{"customer", &l.rows.customers, &size.Customers},
		{"product", &l.rows.products, &size.Products},
		{"orders", &l.rows.orders, &size.Orders},
		{"lineitem", &l.rows.lines, &size.Lines},
	} {
		if t.rows.rows == 0 {
			continue
		}
		if err := l.send(ctx, t.name, t.rows); err != nil {
			return Size{}, err
		}
		*t.count += t.rows.rows
		size.Bytes += int64(len(t.rows.buf))
		*t.rows = copyRows{buf: t.rows.buf[:0]}
	}
	return size, nil
}

func (l *loader) send(ctx context.Context, table string, c *copyRows) error {
	tag, err := l.conn.CopyFrom(ctx, bytes.NewReader(c.buf), "COPY shop."+table+" FROM STDIN")
	if err != nil {
		return fmt.Errorf("shop: fill shop.%s: %w", table, err)
	}
	if tag.RowsAffected() != c.rows {
		return fmt.Errorf("shop: fill shop.%s: sent %d rows, the server took %d", table, c.rows, tag.RowsAffected())
	}
	return nil
}
