package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"

	"github.com/jackc/pgx/v5"
)

// app is the part of an application that keeps the index: behind each commit it writes
// what has changed by it, through the alias and without versions. Where the target blocks
// it, it tries again behind the next commit, as one with an outbox does.
type app struct {
	world *world
	conn  *pgx.Conn

	mu    sync.Mutex
	known map[string]string // as seen last
	due   map[string]bool   // ids not written since they changed
}

func (w *world) newApp(ctx context.Context) (*app, error) {
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		return nil, err
	}
	a := &app{world: w, conn: conn, due: map[string]bool{}}
	a.known, err = w.documents(ctx, conn)
	return a, err
}

// commit commits, and looks: no other commit comes between, so nothing that comes and goes
// is overlooked.
func (a *app) commit(ctx context.Context, commit func() error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := commit(); err != nil {
		return err
	}
	return a.write(ctx)
}

// index writes what is still due.
func (a *app) index(ctx context.Context) error {
	return a.commit(ctx, func() error { return nil })
}

func (a *app) write(ctx context.Context) error {
	now, err := a.world.documents(ctx, a.conn)
	if err != nil {
		return err
	}
	for id, doc := range now {
		a.due[id] = a.due[id] || a.known[id] != doc
	}
	for id := range a.known {
		_, there := now[id]
		a.due[id] = a.due[id] || !there
	}
	a.known = now
	maps.DeleteFunc(a.due, func(_ string, due bool) bool { return !due })
	if len(a.due) == 0 {
		return nil
	}
	var body bytes.Buffer
	for id := range a.due {
		if doc, ok := now[id]; ok {
			fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n%s\n", id, doc)
		} else {
			fmt.Fprintf(&body, "{\"delete\":{\"_id\":%q}}\n", id)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.world.es+"/"+a.world.alias+"/_bulk?require_alias=true", &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	blocked, err := refused(res.StatusCode, answer)
	if err == nil && !blocked {
		clear(a.due)
	}
	return err
}

// refused reads the application's bulk answer: a block is one thing, anything else an error.
func refused(status int, answer []byte) (blocked bool, err error) {
	if status == http.StatusForbidden {
		return true, nil
	}
	var a struct {
		Items []map[string]struct {
			Status int
			Error  json.RawMessage
		}
	}
	if err := errors.Join(json.Unmarshal(answer, &a)); err != nil || status != http.StatusOK {
		return false, fmt.Errorf("the application's bulk: status %d: %.300s", status, answer)
	}
	for _, item := range a.Items {
		for verb, r := range item {
			switch {
			case r.Status == http.StatusForbidden:
				blocked = true
			case r.Status/100 != 2 && (verb != "delete" || r.Status != http.StatusNotFound):
				return false, fmt.Errorf("the application's bulk: %s", r.Error)
			}
		}
	}
	return blocked, nil
}

// documents asks the oracle.
func (w *world) documents(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, err := conn.Query(ctx, w.schema.oracle, pgx.QueryExecModeSimpleProtocol)
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
