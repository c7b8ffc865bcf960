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
)

// application is the part of one that keeps the index: behind each commit it writes
// what has changed by it, through the alias and without versions. Where the target blocks
// it, it tries again behind the next commit, as one with an outbox does.
type application struct {
	oracle *oracle
	alias  string // its URL

	mu    sync.Mutex
	known map[string]string // as seen last
	due   map[string]bool   // ids not written since they changed
}

func newApplication(ctx context.Context, oracle *oracle, alias string) (*application, error) {
	a := &application{oracle: oracle, alias: alias, due: map[string]bool{}}
	var err error
	a.known, err = oracle.documents(ctx)
	return a, err
}

// commit commits, and looks: no other commit comes between, so nothing that comes and goes
// is overlooked.
func (a *application) commit(ctx context.Context, commit func() error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := commit(); err != nil {
		return err
	}
	return a.write(ctx)
}

// index writes what is still due.
func (a *application) index(ctx context.Context) error {
	return a.commit(ctx, func() error { return nil })
}

func (a *application) write(ctx context.Context) error {
	now, err := a.oracle.documents(ctx)
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.alias+"/_bulk?require_alias=true", &body)
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
	blocked, err := isBlocked(res.StatusCode, answer)
	if err == nil && !blocked {
		clear(a.due)
	}
	return err
}

// isBlocked reads the application's bulk answer: a block is one thing, anything else an error.
func isBlocked(status int, answer []byte) (blocked bool, err error) {
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
