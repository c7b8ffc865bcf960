package postgres

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"humpty/sources"
	"humpty/sources/postgres/pgtest"
	"humpty/sources/postgres/session"
)

// database is a fresh database of one test, and what a source makes of it.
type database struct{ *pgtest.Database }

func newDatabase(t testing.TB, sql ...string) *database {
	t.Helper()
	return &database{pgtest.New(t, sql...)}
}

func connectTo(t testing.TB, dsn string) *database {
	t.Helper()
	return &database{pgtest.Connect(t, dsn)}
}

// left says which of our sessions with this search_path the server still has.
func (d *database) left(*testing.T) []string {
	var left []string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		left = nil
		for _, row := range d.Rows("select pid || ' ' || query from pg_stat_activity where application_name = " + session.QuoteLiteral(d.name())) {
			left = append(left, row[0])
		}
		if left == nil {
			break
		}
	}
	return left
}

// name is the application_name of the sessions of a test's own source.
func (d *database) name() string { return "humpty " + d.DSN[len(d.DSN)-20:] }

func (d *database) source(c Config) *Source {
	d.T.Helper()
	c.DSN = d.DSN + "&application_name=" + strings.ReplaceAll(url.QueryEscape(d.name()), "+", "%20")
	s, err := New(c)
	if err != nil {
		d.T.Fatal(err)
	}
	return s
}

// read gives all records of a source by id; a record that comes twice fails the test.
func (d *database) read(c Config) map[string]sources.Record {
	d.T.Helper()
	ctx := d.T.Context()
	s := d.source(c)
	plan, err := s.Plan(ctx)
	if err != nil {
		d.T.Fatal(err)
	}
	v, err := s.Open(ctx)
	if err != nil {
		d.T.Fatal(err)
	}
	defer func() { _ = v.Close(ctx) }()
	out := map[string]sources.Record{}
	for _, p := range plan.Partitions {
		for _, r := range readPartition(d.T, v, p, "", 1<<20) {
			if _, twice := out[string(r.Key)]; twice {
				d.T.Errorf("record %s came twice", r.Key)
			}
			out[string(r.Key)] = r
		}
	}
	return out
}

func readPartition(t testing.TB, v sources.View, p sources.Partition, from sources.Position, limit int) []sources.Record {
	t.Helper()
	r, err := v.Read(t.Context(), p, from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(t.Context()) }()
	var out []sources.Record
	for {
		b := sources.Batch{Limit: limit}
		err := r.Next(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Records...)
	}
}

// equal compares what was read with what SQL says: rows of id and document.
func (d *database) equal(got map[string]sources.Record, oracle string) {
	d.T.Helper()
	want := d.Rows(oracle)
	if len(want) != len(got) {
		d.T.Errorf("%d documents, want %d", len(got), len(want))
	}
	for _, row := range want {
		r, ok := got[row[0]]
		switch {
		case !ok:
			d.T.Errorf("document %s is missing", row[0])
		case r.Reject != "":
			d.T.Errorf("document %s is rejected: %s", row[0], r.Reject)
		case !json.Valid(r.Value) || bytes.ContainsAny(r.Value, "\n\r"):
			d.T.Errorf("document %s is no JSON on one line: %s", row[0], r.Value)
		case !sameJSON(r.Value, []byte(row[1])):
			d.T.Errorf("document %s:\n got %s\nwant %s", row[0], r.Value, row[1])
		}
		if d.T.Failed() {
			return
		}
	}
}

func sameJSON(a, b []byte) bool { return reflect.DeepEqual(decoded(a), decoded(b)) }

func decoded(p []byte) any {
	var v any
	dec := json.NewDecoder(bytes.NewReader(p))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return fmt.Sprintf("%v: %s", err, p)
	}
	return v
}

func contains(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not contain %q", err, p)
		}
	}
}

func on(child, parent string) []sources.Join { return []sources.Join{{Child: child, Parent: parent}} }

func plain(names ...string) []sources.Column {
	var out []sources.Column
	for _, n := range names {
		out = append(out, sources.Column{Field: n, Expr: n, Plain: true})
	}
	return out
}

// namesOf takes a list of columns apart: k, "L m".
func namesOf(list string) []string {
	var names []string
	for _, n := range strings.Split(list, ",") {
		names = append(names, strings.Trim(strings.TrimSpace(n), `"`))
	}
	return names
}

func prefixed(prefix, list string) string {
	var out []string
	for _, n := range namesOf(list) {
		out = append(out, prefix+session.QuoteIdent(n))
	}
	return strings.Join(out, ", ")
}

// columnsOf returns the names in a list of column definitions.
func columnsOf(definitions string) string {
	var out []string
	for _, d := range strings.Split(definitions, ",") {
		d = strings.TrimSpace(d)
		if d[0] == '"' {
			out = append(out, d[:strings.Index(d[1:], `"`)+2])
		} else {
			out = append(out, strings.Fields(d)[0])
		}
	}
	return strings.Join(out, ", ")
}
