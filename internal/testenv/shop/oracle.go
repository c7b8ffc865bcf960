package shop

import (
	"context"
	_ "embed" // the query is kept as SQL
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed sql/plain.oracle.sql
var plainOracle string

//go:embed sql/rich.oracle.sql
var richOracle string

// Oracle is the SELECT that gives id and document, as json, of all that must be in the
// read model: one naive query, so that a mistake of humpty's has nowhere to hide.
func Oracle(shape Shape) string {
	if shape == Rich {
		return richOracle
	}
	return plainOracle
}

// eachDocument calls fn with id and document of each row of the oracle.
func eachDocument(ctx context.Context, dsn, oracle string, fn func(id, document []byte) error) error {
	conn, err := connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := execute(ctx, conn, "prepare the oracle", "SET TimeZone = 'UTC'; SET work_mem = '64MB'"); err != nil {
		return err
	}
	rows := conn.ExecParams(ctx, oracle, nil, nil, nil, nil)
	for rows.NextRow() {
		if err := fn(rows.Values()[0], rows.Values()[1]); err != nil {
			return rowError(rows, err)
		}
	}
	return rowError(rows, nil)
}

func rowError(rows *pgconn.ResultReader, first error) error {
	if _, err := rows.Close(); first == nil && err != nil {
		return fmt.Errorf("shop: ask the oracle: %w", err)
	}
	return first
}
