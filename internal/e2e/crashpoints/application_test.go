//go:build unix

package crashpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/internal/e2e/rig"
)

// startWriting lets an application change the tables; unless humpty is the projector, it writes
// each document that it changed to the alias too, after the commit, from what it read after it.
func startWriting(t *testing.T, s *rig.Shop, writer string) (stop func() int) {
	t.Helper()
	if writer == "follow" {
		return s.Busy(t, 1, func(rng *rand.Rand, n int) string { return rig.Change(rng, n, orders, customers) })
	}
	app := &application{shop: s, of: map[int]bool{}}
	return s.BusyWith(t, 1, app.change, app.index)
}

// application writes to two places, as one with writer: handover has to, or freeze.
type application struct {
	shop *rig.Shop
	of   map[int]bool // what it changed last
}

func (a *application) change(rng *rand.Rand, n int) string {
	clear(a.of)
	id := 1 + rng.IntN(orders+20)
	a.of[id] = true
	switch rng.IntN(4) {
	case 0:
		return fmt.Sprintf("DELETE FROM line WHERE order_id = %d; DELETE FROM orders WHERE id = %[1]d", id)
	case 1:
		to := 1 + rng.IntN(orders)
		a.of[to] = true
		return fmt.Sprintf("UPDATE line SET order_id = %d WHERE order_id = %d AND no = 1 AND NOT EXISTS (SELECT FROM line WHERE order_id = %[1]d AND no = 1)", to, id)
	}
	return fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, '2026-02-02', %d, 'changed %d') ON CONFLICT (id) DO UPDATE SET note = excluded.note, total = excluded.total",
		id, 1+rng.IntN(customers), n, n)
}

func (a *application) index(ctx context.Context, conn *pgx.Conn) error {
	for id := range a.of {
		var doc json.RawMessage
		err := conn.QueryRow(ctx, strings.Replace(rig.Oracle, "o.id::text, ", "", 1)+" WHERE o.id = $1", id).Scan(&doc)
		method, body := http.MethodPut, string(doc)
		if err == pgx.ErrNoRows { //nolint:errorlint // as it is returned
			method, body = http.MethodDelete, ""
		} else if err != nil {
			return err
		}
		if err := a.write(ctx, method, fmt.Sprintf("%s/%s/_doc/%d", a.shop.ES, a.shop.Alias, id), body); err != nil {
			return err
		}
	}
	return nil
}

// write writes once more what a block refuses.
func (a *application) write(ctx context.Context, method, to, body string) error {
	if method == http.MethodPut {
		to += "?require_alias=true"
	}
	for {
		req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil {
			return err
		}
		switch {
		case res.StatusCode/100 == 2, method == http.MethodDelete && res.StatusCode == http.StatusNotFound:
			return nil
		case res.StatusCode != http.StatusForbidden:
			return fmt.Errorf("the application's %s of %s: HTTP %d", method, to, res.StatusCode)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
