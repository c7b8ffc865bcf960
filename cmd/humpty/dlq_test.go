package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"humpty/internal/deadletter"
)

// TestDeadLetters goes the way of two documents that are refused, one by the target and one
// by the source, to the index that is whole again.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.write(t, "orders.index.json", strings.Replace(shopIndex, `"quantity": {"type": "integer"}`, `"quantity": {"type": "byte"}`, 1))
	s.sql(t, `UPDATE line SET quantity = 1000 WHERE order_id = 7 AND no = 2; UPDATE orders SET total = 'NaN' WHERE id = 9`)
	s.run(t.Context(), "dlq", "list").want(t, 0, "no dead letters")
	s.run(t.Context(), "rebuild", "--rejections", "2").want(t, 0, "2 rejected", "humpty dlq list orders")
	folder := filepath.Join(filepath.Dir(s.file), "dead-letters", "orders")
	files, err := deadletter.Files(folder)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	run := strings.TrimSuffix(filepath.Base(files[0]), deadletter.Suffix)
	s.run(t.Context(), "dlq", "list").want(t, 0, "orders  run "+run+": 1 documents, document_parsing_exception, for "+s.alias, "1 documents, source")
	shown := s.run(t.Context(), "dlq", "show", "--id", "7")
	shown.want(t, 0, `"id":"7"`, "document_parsing_exception", `\"quantity\":1000`, "out of range", `"index":"`+s.alias)
	if !json.Valid([]byte(shown.out)) || strings.Count(shown.out, "\n") != 1 {
		t.Errorf("not one letter: %s", shown.out)
	}
	s.run(t.Context(), "dlq", "show", "--most", "1").want(t, 0, "1 more are not shown")
	s.run(t.Context(), "dlq", "show", "--run", "none").want(t, exitGuard, "run none has no dead letters", "humpty dlq list orders")
	if r := s.run(t.Context(), "dlq", "list", "--json").result(t); len(r["letters"].([]any)) != 2 || r["verb"] != "dlq list" {
		t.Errorf("%v", r)
	}
	s.run(t.Context(), "dlq", "show", "--type", "source", "--json").result(t)
	s.run(t.Context(), "dlq", "retry").want(t, exitRejections, "2 documents were rejected", "humpty dlq show orders")
	again := s.run(t.Context(), "dlq", "list")
	again.want(t, 0, "1 documents, document_parsing_exception", "1 documents, source")
	if strings.Contains(again.out, run) {
		t.Errorf("the letters of the first run are still there: %s", again.out)
	}
	s.sql(t, `UPDATE line SET quantity = 100 WHERE order_id = 7 AND no = 2`)
	s.run(t.Context(), "dlq", "retry", "--id", "7").want(t, 0, "1 written")
	s.run(t.Context(), "dlq", "list").want(t, 0, "1 documents, source")
	s.sql(t, `UPDATE orders SET total = 9 WHERE id = 9`)
	s.run(t.Context(), "dlq", "retry").want(t, 0, "1 written")
	s.run(t.Context(), "dlq", "retry").want(t, 0, "no documents to write again")
	s.run(t.Context(), "verify", "--settle", "10ms").want(t, 0, "300 in the source: 0 missing, 0 stale, 0 extra")
}

func TestDeadLettersAreDiscardedWhenConfirmed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sql(t, `UPDATE orders SET total = 'NaN' WHERE id IN (9, 10)`)
	state := t.TempDir()
	s.run(t.Context(), "rebuild", "--state", state).want(t, exitRejections)
	if found, err := filepath.Glob(filepath.Join(state, "dead-letters", "orders", "*"+deadletter.Suffix)); err != nil || len(found) != 1 {
		t.Errorf("in the state folder: %v, %v", found, err)
	}
	elsewhere := filepath.Join(t.TempDir(), "letters")
	s.run(t.Context(), "rebuild", "--dead-letters", elsewhere).want(t, exitRejections, "2 documents were rejected", "humpty --dead-letters "+elsewhere+" dlq show orders")
	s.env["HUMPTY_DEAD_LETTERS"] = elsewhere
	s.run(t.Context(), "dlq", "retry").want(t, exitGuard, "does not serve one index")
	s.run(t.Context(), "dlq", "discard").want(t, exitGuard, "there is no terminal to ask at", "humpty dlq discard orders --yes")
	s.run(t.Context(), "dlq", "discard", "--id", "9", "--yes").want(t, 0, "1 dead letters discarded")
	asked := call{in: strings.NewReader("orders\n"), terminal: true, env: s.env}
	asked.run(t.Context(), "dlq", "discard").want(t, 0, "1 dead letters will be deleted for good", "1 dead letters discarded")
	s.run(t.Context(), "dlq", "discard").want(t, 0, "no dead letters to discard")
	s.run(t.Context(), "dlq", "bury").want(t, exitUsage, `there is no dlq "bury"`, "list, show, retry, discard")
}
