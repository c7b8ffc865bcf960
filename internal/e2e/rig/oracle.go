package rig

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

const scanPage = 5000

// Differing holds every document that the alias serves against [Oracle], and names what is
// not so; refresh: also what a search does not see yet.
func (s *Shop) Differing(t testing.TB, refresh bool) (all []string) {
	t.Helper()
	want := s.wanted(t)
	if refresh {
		s.Request(t, http.MethodPost, "/"+s.Alias+"/_refresh", "")
	}
	expected := len(want)
	found := 0
	for after := ""; ; {
		page := s.page(t, after)
		for _, h := range page {
			found++
			if doc, known := want[h.ID]; !known || !reflect.DeepEqual(plain(t, h.Source), doc) {
				all = append(all, fmt.Sprintf("order %s is %s, want %v", h.ID, h.Source, doc))
			}
			delete(want, h.ID)
			after = `, "search_after": [` + h.Sort[0].String() + `]`
		}
		if len(page) < scanPage {
			break
		}
	}
	for id := range want {
		all = append(all, "order "+id+" is missing")
	}
	if _, count := s.Request(t, http.MethodGet, "/"+s.Alias+"/_count?filter_path=count", ""); count != fmt.Sprintf(`{"count":%d}`, found) || len(all) == 0 && found != expected {
		all = append(all, fmt.Sprintf("%d documents were found, the count is %s, want %d", found, count, expected))
	}
	slices.Sort(all)
	return all
}

// EqualsOracle fails the test unless everything that a search finds is what SQL says.
func (s *Shop) EqualsOracle(t testing.TB) {
	t.Helper()
	if all := s.Differing(t, false); len(all) > 0 {
		t.Errorf("%d documents are not as the source has them, first %s", len(all), all[:min(len(all), 5)])
	}
}

func (s *Shop) wanted(t testing.TB) map[string]any {
	t.Helper()
	oracle := Oracle
	if s.Where != "" {
		oracle += " WHERE " + s.Where
	}
	return s.Documents(t, oracle)
}

// Documents are those that an oracle says, a SELECT of ids and documents, by their ids.
func (d *Database) Documents(t testing.TB, oracle string) map[string]any {
	t.Helper()
	rows, err := d.Connect(t).Query(t.Context(), oracle)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	var id, doc string
	if _, err := pgx.ForEachRow(rows, []any{&id, &doc}, func() error {
		want[id] = plain(t, []byte(doc))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return want
}

type hit struct {
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
	Sort   []json.Number   `json:"sort"`
}

// page is some of the documents that the alias serves, in the order of their ids.
func (s *Shop) page(t testing.TB, after string) []hit {
	t.Helper()
	_, body := s.Request(t, http.MethodPost, "/"+s.Alias+"/_search", fmt.Sprintf(`{"size": %d, "sort": [{"id": "asc"}]%s}`, scanPage, after))
	var found struct {
		Hits *struct{ Hits []hit }
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil || found.Hits == nil {
		t.Fatalf("search: %v %s", err, body)
	}
	return found.Hits.Hits
}

func plain(t testing.TB, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
