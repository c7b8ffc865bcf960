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
	session *session
	query   string // gives id and document
}

func newOracle(ctx context.Context, dsn, query string) (*oracle, error) {
	s, err := connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &oracle{session: s, query: query}, nil
}

func (o *oracle) close(ctx context.Context) { o.session.close(ctx) }

// documents are all that there must be, by id.
func (o *oracle) documents(ctx context.Context) (map[string]string, error) {
	for {
		docs, err := o.read(ctx)
		if err == nil {
			return docs, nil
		}
		if err := o.session.recover(ctx, err); err != nil {
			return nil, fmt.Errorf("oracle: %w", err)
		}
	}
}

func (o *oracle) read(ctx context.Context) (map[string]string, error) {
	rows, err := o.session.conn.Query(ctx, o.query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
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
