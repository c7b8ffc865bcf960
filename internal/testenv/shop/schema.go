package shop

import (
	"context"
	_ "embed" // the statements are kept as SQL
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed sql/plain.sql
var plainTables string

//go:embed sql/rich.sql
var richTables string

//go:embed sql/plain.finish.sql
var plainKeys string

//go:embed sql/rich.finish.sql
var richKeys string

func createTables(ctx context.Context, conn *pgconn.PgConn, shape Shape) error {
	statements := plainTables
	if shape == Rich {
		statements += richTables
	}
	return execute(ctx, conn, "create the tables", statements)
}

// addKeys makes keys, indexes and foreign keys, when the rows are there: much faster
// than with each row.
func addKeys(ctx context.Context, conn *pgconn.PgConn, shape Shape) error {
	statements := "SET maintenance_work_mem = '512MB';" + plainKeys
	if shape == Rich {
		statements += richKeys
	}
	return execute(ctx, conn, "add the keys", statements)
}

// analyze freezes the rows and gathers statistics, so that measurements do not pay for the load.
func analyze(ctx context.Context, conn *pgconn.PgConn, shape Shape) error {
	tables := []string{"nation", "customer", "orders", "lineitem"}
	if shape == Rich {
		tables = append(tables, "product")
	}
	for _, t := range tables {
		if err := execute(ctx, conn, "vacuum shop."+t, "VACUUM (FREEZE, ANALYZE) shop."+t); err != nil {
			return err
		}
	}
	return nil
}

func execute(ctx context.Context, conn *pgconn.PgConn, what, statements string) error {
	if err := conn.Exec(ctx, statements).Close(); err != nil {
		return fmt.Errorf("shop: %s: %w", what, err)
	}
	return nil
}
