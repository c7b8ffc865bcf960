package drift

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/internal/config"
	"humpty/internal/testenv/devstack"
	"humpty/internal/testenv/shop"
	"humpty/projector"
	"humpty/projector/repair"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources/postgres"
)

// place is a shop in PostgreSQL with its read model on a search server.
type place struct {
	dsn, url, alias string
	source          *postgres.Source
	target          *elastic.Target
	projection      projector.Projection
	mu              sync.Mutex
	db              *pgx.Conn
	runs            int
}

func newPlace(t *testing.T, url string, orders int) *place {
	t.Helper()
	p := &place{dsn: devstack.Postgres(t), url: url, alias: devstack.Name(t)}
	if _, err := shop.Seed(t.Context(), p.dsn, shop.Options{Orders: orders, Connections: 1}); err != nil {
		t.Fatal(err)
	}
	file, err := shop.WriteConfig(t.TempDir(), shop.Plain, shop.Place{Postgres: p.dsn, Search: url, Alias: p.alias})
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	def := c.Projections[0]
	if p.source, err = postgres.New(postgres.Config{DSN: p.dsn, Shape: def.Document}); err != nil {
		t.Fatal(err)
	}
	if p.target, err = elastic.Dial(t.Context(), elastic.Config{Addresses: []string{url}, Alias: p.alias}); err != nil {
		t.Fatal(err)
	}
	p.projection = projector.Projection{Name: def.Name, Alias: p.alias, Index: def.Index, Hash: def.Hash, Versions: def.Versions, Keep: 2}
	if p.db, err = pgx.Connect(t.Context(), p.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close(context.WithoutCancel(t.Context())) })
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = p.ask(ctx, http.MethodDelete, "/"+p.alias+"-*?expand_wildcards=all", nil, nil)
		_ = p.ask(ctx, http.MethodDelete, "/humpty-leases/_doc/"+p.alias, nil, nil)
	})
	return p
}

func (p *place) owner(verb string) sinks.Owner {
	p.runs++
	return sinks.Owner{Run: fmt.Sprintf("run-%d", p.runs), Host: "here", PID: p.runs, Verb: verb}
}

func (p *place) rebuild(t *testing.T) string {
	t.Helper()
	r := projector.Rebuild{Projection: p.projection, Source: p.source, Target: p.target, Owner: p.owner("rebuild")}
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rec.Generation
}

func (p *place) examine() repair.Verify {
	return repair.Verify{
		Projection: p.projection, Source: p.source, Target: p.target, Owner: p.owner("repair"), Settle: 200 * time.Millisecond,
	}
}

func (p *place) repair() *repair.Repair {
	return &repair.Repair{Verify: p.examine(), MaxDelete: -1, MaxStale: -1}
}

// found is what verify finds in the live index, by id.
func (p *place) found(t *testing.T) (map[string]verify.Kind, repair.Result) {
	t.Helper()
	all := map[string]verify.Kind{}
	e := p.examine()
	e.Each = func(d verify.Difference) error { all[d.ID] = d.Kind; return nil }
	finding, err := e.Run(t.Context())
	var differs *verify.Differs
	if err != nil && !errors.As(err, &differs) || (err == nil) != (len(all) == 0) {
		t.Fatalf("verify: %v, %d differences", err, len(all))
	}
	return all, finding
}

func (p *place) want(t *testing.T, planted map[string]verify.Kind) repair.Result {
	t.Helper()
	found, finding := p.found(t)
	if !maps.Equal(found, planted) {
		t.Fatalf("found %d differences, planted %d:\n%v\n%v", len(found), len(planted), found, planted)
	}
	return finding
}

// right compares the index with the oracle, with nothing of humpty's verification between.
func (p *place) right(t *testing.T, generation string) {
	t.Helper()
	index, err := p.target.Open(t.Context(), generation)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.Count(t.Context()); err != nil { // refreshes
		t.Fatal(err)
	}
	c, err := shop.Compare(t.Context(), p.dsn, shop.Plain, index, nil)
	if err != nil || !c.Equal() {
		t.Errorf("%v, %+v", err, c)
	}
}

// ask calls the server past the code under test.
func (p *place) ask(ctx context.Context, method, path string, body, out any) error {
	var reader io.Reader
	switch b := body.(type) {
	case string:
		reader = strings.NewReader(b)
	case nil:
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, reader)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, data)
	case out == nil:
		return nil
	}
	return json.Unmarshal(data, out)
}

// do is ask for what must succeed.
func (p *place) do(t *testing.T, method, path string, body, out any) {
	t.Helper()
	if err := p.ask(t.Context(), method, path, body, out); err != nil {
		t.Fatal(err)
	}
}

// document reads a document's body.
func (p *place) document(t *testing.T, id string) string {
	t.Helper()
	var a struct {
		Source json.RawMessage `json:"_source"`
	}
	p.do(t, http.MethodGet, "/"+p.alias+"/_doc/"+id, nil, &a)
	return string(a.Source)
}

// ids are the ids of all orders.
func (p *place) ids(t *testing.T) []string {
	t.Helper()
	rows, err := p.db.Query(t.Context(), "SELECT o_orderkey::text FROM shop.orders ORDER BY o_orderkey")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *place) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	if err := p.exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// exec can be called from several goroutines.
func (p *place) exec(ctx context.Context, statement string, args ...any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.db.Exec(context.WithoutCancel(ctx), statement, args...)
	return err
}
