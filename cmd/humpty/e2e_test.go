package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"humpty/cmd/humpty/internal/signals"
)

func TestFirstRebuildAndTheNextOnes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(t.Context(), "status").want(t, 0, "alias "+s.alias+" does not exist", "nobody works on it")
	a := s.run(t.Context(), "rebuild")
	a.want(t, 0,
		"this is its first generation", "load      started", "verify    done in",
		"orders: alias "+s.alias+" serves "+s.alias+"-", "300 written, 0 superseded, 0 deleted, 0 rejected", "full: 300 documents, 0 missing, 0 stale, 0 extra")
	first, documents := s.serving(t)
	if documents != 300 {
		t.Errorf("%d documents", documents)
	}
	_, settings := s.request(t, t.Context(), http.MethodGet, "/"+first+"/_settings?flat_settings=true", "")
	for _, load := range []string{"gc_deletes", "refresh_interval", "durability", "flush_threshold"} {
		if strings.Contains(settings, load) {
			t.Errorf("the load's %s is still set on the live index: %s", load, settings)
		}
	}
	_, body := s.request(t, t.Context(), http.MethodGet, "/"+s.alias+"/_doc/7", "")
	var doc struct {
		Source any `json:"_source"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(doc.Source)
	const want = `{"customer":{"name":"customer 8"},"customer_id":8,"id":7,"lines":[{"no":1,"order_id":7,"quantity":1,"sku":"sku-0"},{"no":2,"order_id":7,"quantity":2,"sku":"sku-1"},{"no":3,"order_id":7,"quantity":3,"sku":"sku-2"}],"note":"note 7","placed":"2026-01-08","total":8.75}`
	if string(got) != want {
		t.Errorf("document 7 is\n%s\nwant\n%s", got, want)
	}

	s.sql(t, "DELETE FROM line WHERE order_id > 290; DELETE FROM orders WHERE id > 290")
	s.run(t.Context(), "rebuild", "orders").want(t, 0, "which goes on serving until the swap", "before: "+first+", kept")
	second, documents := s.serving(t)
	if second == first || documents != 290 {
		t.Errorf("serves %s with %d documents", second, documents)
	}
	s.run(t.Context(), "rollback").want(t, 0, "serves "+first, second+" is kept, no longer behind the alias")
	if now, _ := s.serving(t); now != first {
		t.Errorf("after the rollback it serves %s", now)
	}
	s.run(t.Context(), "swap").want(t, 0, "serves "+second)
	s.run(t.Context(), "status").want(t, 0, "alias "+s.alias+" serves "+second+" (290 documents)", "GENERATION", "live", "retired", "full")
	r := s.run(t.Context(), "status", "--json").result(t)
	survey := r["projections"].([]any)[0].(map[string]any)["survey"].(map[string]any)
	if len(survey["generations"].([]any)) != 2 || survey["alias"] != s.alias {
		t.Errorf("status --json: %v", r)
	}
	s.pruneTo(t, first, second)
}

// pruneTo drops the first generation, in the ways a person and a machine would.
func (s *shop) pruneTo(t *testing.T, first, second string) {
	t.Helper()
	s.run(t.Context(), "prune").want(t, 0, "nothing to drop")
	s.run(t.Context(), "prune", "--keep", "0", "--dry-run").want(t, 0, "would drop", first)
	s.run(t.Context(), "prune", "--keep", "0").want(t, 4, "there is no terminal to ask at", "humpty prune orders --yes")
	wrong := s.call
	wrong.terminal, wrong.in = true, strings.NewReader("order\n")
	wrong.run(t.Context(), "prune", "--keep", "0").want(t, 4, "Type the alias's name ("+s.alias+")", "nothing was deleted")
	right := s.call
	right.terminal, right.in = true, strings.NewReader(s.alias+"\n")
	right.run(t.Context(), "prune", "--keep", "0").want(t, 0, "dropped "+first)
	if status, _ := s.request(t, t.Context(), http.MethodHead, "/"+first, ""); status != http.StatusNotFound {
		t.Errorf("%s is still there: %d", first, status)
	}
	if now, documents := s.serving(t); now != second || documents != 290 {
		t.Errorf("after prune it serves %s with %d documents", now, documents)
	}
	r := s.run(t.Context(), "prune", "--json", "--yes").result(t)
	if len(r["prune"].(map[string]any)["dropped"].([]any)) != 0 {
		t.Errorf("prune --json: %v", r)
	}
}

func TestPlanAndDryRunChangeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var writes []string
	s.proxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		asks := slices.ContainsFunc([]string{"_simulate", "_search", "_refresh", "_has_privileges"}, func(path string) bool { return strings.Contains(r.URL.Path, path) })
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !asks {
			writes = append(writes, r.Method+" "+r.URL.Path)
		}
		return false
	})
	for _, args := range [][]string{{"plan"}, {"rebuild", "--dry-run"}, {"check"}, {"status"}} {
		a := s.run(t.Context(), args...)
		a.want(t, 0)
		if args[0] != "check" && args[0] != "status" {
			a.want(t, 0, "about 300 rows", "1 chunk", " +  index "+s.alias+"-", "Nothing was changed. To do it: humpty rebuild orders")
		}
	}
	if len(writes) > 0 {
		t.Errorf("requests that may change something: %v", writes)
	}
	if index, _ := s.serving(t); index != "" {
		t.Errorf("the alias serves %s", index)
	}
}

func TestNoSwapThenSwap(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(t.Context(), "rebuild", "--no-swap").want(t, 0, "is verified; the alias was not touched. Next: humpty swap orders --to "+s.alias+"-")
	if index, _ := s.serving(t); index != "" {
		t.Errorf("the alias serves %s", index)
	}
	s.run(t.Context(), "swap", "--to", "nothing").want(t, 1, "index nothing is not a generation of alias "+s.alias, "humpty status")
	s.run(t.Context(), "swap").want(t, 0, "alias "+s.alias+" serves "+s.alias+"-")
	if _, documents := s.serving(t); documents != 300 {
		t.Errorf("%d documents", documents)
	}
}

func TestEmptyTableIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(t.Context(), "rebuild").want(t, 0)
	before, _ := s.serving(t)
	s.sql(t, "TRUNCATE orders CASCADE")
	a := s.run(t.Context(), "rebuild", "--json")
	a.want(t, 4, "is empty, but", "serves 300 documents", "humpty rebuild orders --allow-empty")
	if r := a.result(t); r["status"] != "refused" {
		t.Errorf("%v", r)
	}
	if now, documents := s.serving(t); now != before || documents != 300 {
		t.Errorf("serves %s with %d documents", now, documents)
	}
	s.run(t.Context(), "rebuild", "--allow-empty").want(t, 0, "0 written")
	if now, documents := s.serving(t); now == before || documents != 0 {
		t.Errorf("serves %s with %d documents", now, documents)
	}
}

func TestNameConflict(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.request(t, t.Context(), http.MethodPut, "/"+s.alias, `{"settings": {"number_of_replicas": 0}}`)
	s.request(t, t.Context(), http.MethodPost, "/"+s.alias+"/_doc?refresh=true", `{"written": "while the alias was gone"}`)
	s.run(t.Context(), "check").want(t, 0, "an index (not an alias) sits on the name")
	a := s.run(t.Context(), "rebuild")
	a.want(t, 4, "an index sits on the alias's own name", "action.auto_create_index", "require_alias", "verify    done in")
	_, command, found := strings.Cut(a.err, "if it can be deleted: humpty ")
	if !found {
		t.Fatalf("no command in\n%s", a.err)
	}
	command, _, _ = strings.Cut(command, "\n")
	if !strings.HasSuffix(command, "--replace-index "+s.alias) {
		t.Fatalf("the command is %q", command)
	}
	s.run(t.Context(), "swap", "--replace-index", "another").want(t, 4, "only an index on the alias's own name")
	s.run(t.Context(), "swap").want(t, 4, "sits on the name", "--replace-index "+s.alias)
	s.run(t.Context(), strings.Fields(command)...).want(t, 0, "the index "+s.alias+" was deleted")
	if index, documents := s.serving(t); !strings.HasPrefix(index, s.alias+"-") || documents != 300 {
		t.Errorf("serves %s with %d documents", index, documents)
	}
}

func TestMappingThatDoesNotFit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(t.Context(), "rebuild").want(t, 0)
	before, _ := s.serving(t)
	s.write(t, "orders.index.json", strings.Replace(shopIndex, `"note": {"type": "text"}`, `"note": {"type": "integer"}`, 1))
	a := s.run(t.Context(), "rebuild", "--json")
	a.want(t, 6, "300 documents were rejected (limit 0); the alias was not touched", "document ", "document_parsing_exception", "[note]", "limits.rejections", "humpty prune orders")
	r := a.result(t)
	rejections := r["record"].(map[string]any)["rejections"].([]any)
	first := rejections[0].(map[string]any)
	if r["status"] != "failed" || len(rejections) != 10 || first["id"] == "" || !strings.Contains(first["reason"].(string), "note") {
		t.Errorf("%v", r)
	}
	if now, documents := s.serving(t); now != before || documents != 300 {
		t.Errorf("serves %s with %d documents", now, documents)
	}
	s.run(t.Context(), "status").want(t, 0, "failed", "300 documents were rejected")
	if _, settings := s.request(t, t.Context(), http.MethodGet, "/"+s.generations(t)[1]+"/_settings?flat_settings=true", ""); strings.Contains(settings, `"index.refresh_interval":"-1"`) || strings.Contains(settings, "async") {
		t.Errorf("the settings of the load are still in force: %s", settings)
	}
	s.write(t, "orders.index.json", strings.Replace(shopIndex, `"type": "text"`, `"type": "txt"`, 1))
	s.run(t.Context(), "rebuild").want(t, 64, "the target refuses it", "The mapper type [txt] declared on field [note] does not exist", "correct this, then: humpty check orders")
}

func TestOthersWhileARebuildRuns(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var second, status, prune answer
	s.onFirstBulk(t, func() {
		second = s.run(t.Context(), "rebuild")
		status = s.run(t.Context(), "status")
		prune = s.run(t.Context(), "prune", "--keep", "0", "--yes")
		s.sql(t, "UPDATE orders SET note = 'changed'") // after the snapshot: not in the generation, and no difference
	})
	s.run(t.Context(), "rebuild").want(t, 0, "0 missing, 0 stale, 0 extra")
	second.want(t, 4, "works on this projection", "pid ", "renews its lease", "humpty status orders", "humpty unlock orders")
	status.want(t, 0, "works on it; its lease is over in", "(rebuild by")
	prune.want(t, 0, "nothing to drop")
	if _, documents := s.serving(t); documents != 300 {
		t.Errorf("%d documents", documents)
	}
}

func TestTargetsWithoutAServer(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, `elasticsearch: {addresses: ["${ES}"]}`, "ndjson: {dir: out}")
	s.run(t.Context(), "rebuild").want(t, 0, "300 written", "full: 300 documents, 0 missing, 0 stale, 0 extra")
	s.run(t.Context(), "status").want(t, 0, "(300 documents)")
	s.edit(t, "ndjson: {dir: out}", "null: {}") // keeps nothing but the count
	s.run(t.Context(), "rebuild").want(t, 3, "load      done in", "300 missing")
	s.run(t.Context(), "rebuild", "--verify", "count").want(t, 0, "load      done in", "count: 300 documents, 0 missing")
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s.onFirstBulk(t, func() { cancel(&signals.Interrupt{Signal: signals.Watched()[0]}) })
	a := s.run(ctx, "rebuild", "--json")
	a.want(t, 130, "interrupted by interrupt", "start over, into a new generation: humpty rebuild orders", "drop the unfinished generation "+s.alias+"-", "humpty prune orders")
	r := a.result(t)
	if r["status"] != "interrupted" || r["record"].(map[string]any)["status"] != "interrupted" {
		t.Errorf("%v", r)
	}
	if index, _ := s.serving(t); index != "" {
		t.Errorf("the alias serves %s", index)
	}
	s.run(t.Context(), "status").want(t, 0, "failed", "nobody works on it")
	s.run(t.Context(), "prune", "--yes").want(t, 0, "dropped "+s.alias+"-")
	s.run(t.Context(), "rebuild").want(t, 0)
}
