package alias

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/e2e/rig"
)

// application does what the README asks of one: behind each commit it reads what it has
// changed, and writes it through the alias. What is refused it writes again behind the next.
type application struct {
	shop  *rig.Shop
	conns []*pgx.Conn

	mu      sync.Mutex // commits and what belongs to them come one after the other
	due     map[int]bool
	writes  int
	refused int // because of a block
}

const writers = 3

func newApplication(t *testing.T, s *rig.Shop) *application {
	a := &application{shop: s, due: map[int]bool{}}
	for range writers {
		a.conns = append(a.conns, s.Connect(t))
	}
	return a
}

// work changes rows and searches until stop is closed.
func (a *application) work(t *testing.T, stop <-chan struct{}) *errgroup.Group {
	var group errgroup.Group
	for i, conn := range a.conns {
		group.Go(func() error {
			rng := rand.New(rand.NewPCG(11, uint64(i)))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return nil
				case <-time.After(time.Duration(rng.IntN(20)) * time.Millisecond):
				}
				if err := a.change(t.Context(), conn, rng, fmt.Sprintf("w%d.%d", i, n)); err != nil {
					return err
				}
			}
		})
	}
	group.Go(func() error { return a.search(t.Context(), stop) })
	return &group
}

func (a *application) change(ctx context.Context, conn *pgx.Conn, rng *rand.Rand, note string) error {
	id, customer := 1+rng.IntN(320), 1+rng.IntN(10)
	sql := fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, '2026-06-01', 7, '%s') ON CONFLICT (id) DO UPDATE SET note = excluded.note, customer_id = excluded.customer_id", id, customer, note)
	changed := fmt.Sprintf("SELECT %d", id)
	switch rng.IntN(6) {
	case 0:
		sql = fmt.Sprintf("UPDATE customer SET name = '%s' WHERE id = %d", note, customer)
		changed = fmt.Sprintf("SELECT id::int FROM orders WHERE customer_id = %d", customer)
	case 1:
		sql = fmt.Sprintf("DELETE FROM line WHERE order_id = %d; DELETE FROM orders WHERE id = %[1]d", id)
	case 2:
		sql = fmt.Sprintf("INSERT INTO line SELECT id, %d, '%s', 1 FROM orders WHERE id = %d ON CONFLICT DO NOTHING", 4+rng.IntN(5), note, id)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	rows, err := conn.Query(ctx, changed)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return err
	}
	for _, id := range ids {
		a.due[id] = true
	}
	return a.write(ctx, conn)
}

// write brings what is due up to date; mu is held.
func (a *application) write(ctx context.Context, conn *pgx.Conn) error {
	docs := map[int]string{}
	var ids []int
	for id := range a.due {
		ids = append(ids, id)
	}
	rows, err := conn.Query(ctx, rig.Oracle+" WHERE o.id = ANY($1)", ids)
	if err != nil {
		return err
	}
	var id int
	var text, doc string
	if _, err := pgx.ForEachRow(rows, []any{&text, &doc}, func() error {
		_, err := fmt.Sscan(text, &id)
		docs[id] = doc
		return err
	}); err != nil {
		return err
	}
	var body strings.Builder
	for _, id := range ids {
		if doc, there := docs[id]; there {
			fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n%s\n", id, strings.ReplaceAll(doc, "\n", " "))
		} else {
			fmt.Fprintf(&body, "{\"delete\":{\"_id\":\"%d\"}}\n", id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	status, answer, err := a.call(ctx, "/_bulk?require_alias=true", body.String())
	if err != nil {
		return err
	}
	a.writes++
	return a.take(status, answer)
}

func (a *application) take(status int, answer []byte) error {
	var said struct {
		Items []map[string]struct {
			ID     string `json:"_id"`
			Status int
		}
	}
	switch err := json.Unmarshal(answer, &said); {
	case status == http.StatusForbidden:
		a.refused++
		return nil
	case err != nil || status != http.StatusOK:
		return fmt.Errorf("a write through the alias: %d %.300s", status, answer)
	}
	for _, item := range said.Items {
		for verb, r := range item {
			switch {
			case r.Status == http.StatusForbidden:
				a.refused++
			case r.Status/100 == 2, verb == "delete" && r.Status == http.StatusNotFound:
				var id int
				if _, err := fmt.Sscan(r.ID, &id); err != nil {
					return err
				}
				delete(a.due, id)
			default:
				return fmt.Errorf("a write through the alias: %.300s", answer)
			}
		}
	}
	return nil
}

// search fails when a search does, or finds nothing.
func (a *application) search(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(2 * time.Millisecond):
		}
		status, answer, err := a.call(ctx, "/_search?filter_path=hits.total.value", `{"size": 0, "track_total_hits": true}`)
		if err != nil {
			return err
		}
		var found struct {
			Hits struct{ Total struct{ Value int } }
		}
		if err := json.Unmarshal(answer, &found); err != nil || status != http.StatusOK || found.Hits.Total.Value < 100 {
			return fmt.Errorf("a search through the alias: %d %s", status, answer)
		}
	}
}

func (a *application) call(ctx context.Context, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.shop.ES+"/"+a.shop.Alias+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return do(req)
}
