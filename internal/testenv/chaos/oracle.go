package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// oracle says what the index must hold: one naive SELECT of all documents.
type oracle struct {
	conn  *pgx.Conn
	query string // gives id and document
}

func newOracle(ctx context.Context, dsn, query string) (*oracle, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &oracle{conn: conn, query: query}, nil
}

func (o *oracle) close(ctx context.Context) { _ = o.conn.Close(context.WithoutCancel(ctx)) }

// documents are all that there must be, by id.
func (o *oracle) documents(ctx context.Context) (map[string]string, error) {
	rows, err := o.conn.Query(ctx, o.query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	docs := map[string]string{}
	var id, doc string
	_, err = pgx.ForEachRow(rows, []any{&id, &doc}, func() error {
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(doc)); err != nil {
			return err
		}
		docs[id] = compact.String()
		return nil
	})
	return docs, err
}
