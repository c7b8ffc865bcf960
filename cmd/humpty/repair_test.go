package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drifted is a shop whose live index lost a document, got one too many and has a stale one.
func drifted(t *testing.T) (s *shop, live string) {
	t.Helper()
	s = newShop(t)
	s.run(t.Context(), "rebuild").want(t, 0)
	live, _ = s.serving(t)
	for _, change := range [][3]string{
		{http.MethodDelete, "/_doc/7", ""},
		{http.MethodPut, "/_doc/900", `{"id":900}`},
		{http.MethodPut, "/_doc/8", `{"id":8,"note":"note 8!"}`},
		{http.MethodPost, "/_refresh", ""},
	} {
		if status, body := s.request(t, t.Context(), change[0], "/"+live+change[1], change[2]); status/100 != 2 {
			t.Fatalf("%v: %d %s", change, status, body)
		}
	}
	return s, live
}

func TestVerifyAndRepair(t *testing.T) {
	t.Parallel()
	s, live := drifted(t)
	ids := filepath.Join(t.TempDir(), "ids.ndjson")
	s.run(t.Context(), "verify", "--settle", "10ms", "--ids", ids).want(t, exitDiffers,
		"verify    found 3 differences after ", "1 missing, 1 stale, 1 extra", "document 7: missing", "document 8: stale", `note: want "note 8", have "note 8!"`,
		"document 900: extra", "humpty repair orders --generation "+live)
	data, err := os.ReadFile(ids)
	if err != nil || strings.Count(string(data), "\n") != 3 || !strings.Contains(string(data), `{"id":"900","kind":"extra"}`) {
		t.Errorf("%v: the ids are\n%s", err, data)
	}
	r := s.run(t.Context(), "verify", "--json", "--settle", "10ms", "--diff", "2").result(t)
	if finding, ok := r["finding"].(map[string]any); !ok || finding["generation"] != live || r["exit_code"] != float64(exitDiffers) {
		t.Errorf("result %v", r)
	} else if first := finding["verified"].(map[string]any)["first"].([]any); len(first) != 2 {
		t.Errorf("--diff 2 names %v", first)
	}
	s.run(t.Context(), "verify", "--verify", "count").want(t, 0, "compared with its source: count")
	s.run(t.Context(), "repair", "--dry-run", "--settle", "10ms").want(t, 0, "would write 2 and delete 1 documents; nothing was changed")
	s.run(t.Context(), "repair", "--max-delete", "0", "--settle", "10ms").want(t, exitGuard, "Nothing was written", "--max-delete 1")
	s.run(t.Context(), "repair", "--settle", "10ms").want(t, 0, "2 written, 1 deleted")
	s.run(t.Context(), "verify", "--settle", "10ms").want(t, 0, "300 in the source: 0 missing, 0 stale, 0 extra")
	s.run(t.Context(), "verify", "--generation", "none").want(t, exitGuard, "none is not a generation")
	s.run(t.Context(), "verify", "--ids", "/none/at/all").want(t, exitUsage, "--ids /none/at/all")
}

func TestQueriesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, "    index: orders.index.json\n", "    index: orders.index.json\n    verify: {queries: q.yaml}\n")
	s.write(t, "q.yaml", "all: {body: {query: {match_all: {}}}, min_hits: 300, must_include: ['7', '300']}\nnone: {body: {query: {term: {id: 5}}}, min_hits: 2}\n")
	s.run(t.Context(), "rebuild").want(t, exitDiffers, "query none: 1 hits", "at least 2 hits are wanted", "humpty verify orders --generation ")
	if index, _ := s.serving(t); index != "" {
		t.Errorf("the alias serves %s", index)
	}
	s.write(t, "q.yaml", "all: {body: {query: {match_all: {}}}, min_hits: 300, max_hits: 300, must_include: ['7', '300'], max_latency: 30s}\n")
	// the generation whose gate failed is still there: looked at, made right, and let serve
	at := s.generations(t)[0]
	s.run(t.Context(), "verify", "--generation", at, "--diff", "1").want(t, 0, at+" compared with its source", "query all: 300 hits")
	if status, body := s.request(t, t.Context(), http.MethodDelete, "/"+at+"/_doc/7?refresh=true", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	s.run(t.Context(), "verify", "--generation", at, "--diff", "1").want(t, exitDiffers, "document 7: missing", "document 7 must be among the hits", "humpty repair orders --generation "+at)
	s.run(t.Context(), "repair", "--generation", at).want(t, 0, "1 written, 0 deleted")
	s.run(t.Context(), "swap", "--to", at).want(t, 0)
	if index, documents := s.serving(t); index != at || documents != 300 {
		t.Errorf("the alias serves %d documents from %q, not %s", documents, index, at)
	}
	// the next one is compared with it
	next := s.run(t.Context(), "rebuild", "--no-swap", "--json")
	next.want(t, 0)
	record := next.result(t)["record"].(map[string]any)
	read := 0.0
	for _, in := range record["inputs"].(map[string]any) {
		read += in.(map[string]any)["read"].(float64)
	}
	if load := record["passes"].([]any)[0].(map[string]any); read != 300 || load["pass"] != "load" || load["written"] != 300.0 {
		t.Errorf("%v rows by partition, passes %v", read, record["passes"])
	}
	s.run(t.Context(), "verify", "--generation", s.generations(t)[1]).want(t, 0, "query all: 300 hits in ", "(live: 300 in ")
}

// generations are the indices of the alias, oldest first.
func (s *shop) generations(t *testing.T) []string {
	t.Helper()
	_, body := s.request(t, t.Context(), http.MethodGet, "/_cat/indices/"+s.alias+"-*?h=index&s=index", "")
	return strings.Fields(body)
}

func TestSnapshotRestoreAndRecover(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(t.Context(), "rebuild").want(t, 0)
	s.run(t.Context(), "snapshot").want(t, exitUsage, "--repository is needed")
	s.run(t.Context(), "snapshot", "--repository", s.alias).want(t, exitChange, "PUT /_snapshot/"+s.alias)
	s.request(t, t.Context(), http.MethodPut, "/_snapshot/"+s.alias, `{"type":"fs","settings":{"location":"`+s.alias+`"}}`)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		s.request(t, ctx, http.MethodDelete, "/_snapshot/"+s.alias+"/one", "")
		s.request(t, ctx, http.MethodDelete, "/_snapshot/"+s.alias, "")
	})
	s.run(t.Context(), "snapshot", "--repository", s.alias, "--name", "one").want(t, 0, "is kept as "+s.alias+"/one")
	live, _ := s.serving(t)
	s.request(t, t.Context(), http.MethodDelete, "/"+live, "")
	s.sql(t, "UPDATE orders SET note = 'changed' WHERE id = 3")
	s.run(t.Context(), "plan", "--recover").want(t, 0, "repair   not possible", "Recommended: humpty rebuild orders")
	s.run(t.Context(), "plan", "--recover", "--snapshot", s.alias).want(t, 0, "Recommended: humpty re")
	s.run(t.Context(), "restore").want(t, exitUsage, "--snapshot REPO/NAME is needed")
	s.run(t.Context(), "restore", "--snapshot", s.alias+"/none").want(t, exitGuard, "there is no such snapshot")
	s.run(t.Context(), "restore", "--snapshot", s.alias).want(t, 0, "1 written, 0 deleted", "alias "+s.alias+" serves ")
	if index, documents := s.serving(t); index == "" || documents != 300 {
		t.Errorf("the alias serves %d documents from %q", documents, index)
	}
	s.run(t.Context(), "verify", "--settle", "10ms").want(t, 0)
}
