package toxic

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources"
	"humpty/sources/postgres"
)

func sourceOf(t *testing.T) (*postgres.Source, network, *rig.Shop) {
	t.Helper()
	pg := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	s := rig.New(t, pg, devstack.Elasticsearch(t))
	s.SQL(t, rig.UnconstrainedTables(orders, customers))
	dsn, n := between(t, pg)
	source, err := postgres.New(postgres.Config{
		DSN: dsn, HalfOpenAfter: 300 * time.Millisecond, PageBytes: 4 << 10,
		Shape: sources.Shape{From: "orders", Columns: []sources.Column{{Expr: "*"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return source, n, s
}

// Rows stop coming in the middle of a partition, and no error says so: the server is asked
// whether it has anything to say, and the reader ends with an outage.
func TestHalfOpenWhileRowsAreRead(t *testing.T) {
	t.Parallel()
	source, n, _ := sourceOf(t)
	plan, err := source.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reader, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	n.add(halfOpen)
	for err == nil {
		err = reader.Next(t.Context(), &sources.Batch{})
	}
	silent(t, source, err)
}

// The stream of changes stops: as above, and a slow transaction is none.
func TestHalfOpenWhileChangesAreRead(t *testing.T) {
	t.Parallel()
	source, n, s := sourceOf(t)
	feed, err := source.Capture(t.Context(), "half-open", "")
	if err != nil {
		t.Fatal(err)
	}
	n.add(halfOpen)
	s.SQL(t, "UPDATE orders SET note = 'while nobody hears it'")
	for err == nil {
		err = feed.Next(t.Context(), &sources.ChangeSet{})
	}
	silent(t, source, err)
}

func silent(t *testing.T, source *postgres.Source, err error) {
	t.Helper()
	var lost *postgres.HalfOpenError
	if !errors.As(err, &lost) || !source.IsUnavailable(err) {
		t.Errorf("%v (%T)", err, err)
	}
	t.Log(err)
}

// A query may take longer than the patience with silence, if the server is at work on it.
func TestSlowIsNotHalfOpen(t *testing.T) {
	t.Parallel()
	source, _, s := sourceOf(t)
	s.SQL(t, `CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.2); RETURN $1; END $$`)
	slow, err := postgres.New(postgres.Config{
		DSN: s.DSN, HalfOpenAfter: 300 * time.Millisecond,
		Shape: sources.Shape{From: "customer", Columns: []sources.Column{{Expr: "*"}}, Where: "id < 3 AND slow(1) = 1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = source
	plan, err := slow.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := slow.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reader, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Next(t.Context(), &sources.Batch{}); err != nil {
		t.Fatal(err)
	}
}

// The target's answers stop: a request has a time, and is sent again over another connection.
func TestHalfOpenWhileDocumentsAreWritten(t *testing.T) {
	t.Parallel()
	s := rig.New(t, "", devstack.Elasticsearch(t))
	address, n := between(t, s.ES)
	target, err := elastic.Dial(t.Context(), elastic.Config{Addresses: []string{address}, Alias: s.Alias, RequestTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	name := s.Alias + "-half-open"
	index, err := target.Create(t.Context(), sinks.Generation{
		Name: name, Definition: json.RawMessage(`{"settings": {"number_of_replicas": 0}}`),
		Meta: sinks.Meta{Schema: 1, Alias: s.Alias, Run: "half-open", State: sinks.Loading, Epoch: 1, Versions: "class"},
	})
	if err != nil {
		t.Fatal(err)
	}
	docs := make([]sinks.Document, 100)
	for i := range docs {
		docs[i] = sinks.Document{ID: fmt.Append(nil, i), Version: 1 << 40, Body: []byte(`{"a": 1}`)}
	}
	n.add(halfOpen)
	time.AfterFunc(1500*time.Millisecond, n.heal)
	verdicts := make([]sinks.Verdict, len(docs))
	receipt, err := index.Write(t.Context(), docs, verdicts)
	if err != nil || receipt.Retries == 0 {
		t.Fatalf("%v %+v", err, receipt)
	}
	for i, v := range verdicts {
		if v.Outcome != sinks.Written && v.Outcome != sinks.Superseded {
			t.Fatalf("document %d: %+v", i, v)
		}
	}
}
