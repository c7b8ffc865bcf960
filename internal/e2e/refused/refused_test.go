//go:build unix

package refused

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

const tables = `
CREATE TABLE item (id text PRIMARY KEY, name text, divisor int NOT NULL DEFAULT 1, body text);
CREATE TABLE other (id bigint PRIMARY KEY, name text);
INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 900) i;
INSERT INTO other SELECT i, 'other ' || i FROM generate_series(1, 50) i;
ANALYZE;`

const configuration = `version: 1
sources:
  shop: {postgres: {dsn: "${SHOP_DSN}"}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
projections:
  items:
    target: search
    alias: ${ALIAS}
    consistency: live
    writer: follow
    index: &index {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {dynamic: false, properties: {name: {type: keyword}}}}
    document: {from: shop.item, columns: {id: id, name: name, share: "100 / divisor", body: body}}
  others:
    target: search
    alias: ${ALIAS}-others
    consistency: live
    writer: follow
    index: *index
    document: {from: shop.other}
`

// shop is two projections that are followed, at a target that takes no request of more than 1 MB.
type shop struct {
	*rig.Shop
	t *testing.T
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{rig.New(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres, devstack.Elasticsearch(t)), t}
	s.SQL(t, tables)
	s.Write(t, "humpty.yaml", configuration)
	s.Env["ES"] = bounded(t, s.ES)
	s.Run(t, "rebuild", "--all").Want(t, 0)
	return s
}

// bounded answers as a target does whose http.max_content_length is 1 MB.
func bounded(t *testing.T, es string) string {
	t.Helper()
	to, err := url.Parse(es)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 1<<20 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// follower is humpty follow at work.
type follower struct {
	cmd      *exec.Cmd
	out, err *strings.Builder
}

func (s *shop) follow(args ...string) *follower {
	s.t.Helper()
	f := &follower{s.Command(s.t, append([]string{"follow"}, args...)...), new(strings.Builder), new(strings.Builder)}
	f.cmd.Stdout, f.cmd.Stderr = f.out, f.err
	if err := f.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = f.cmd.Process.Kill() // it has ended, as a rule
		if s.t.Failed() {
			s.t.Logf("humpty follow said\n%s", f.err)
		}
	})
	return f
}

// end ends it by a signal, or waits for its end.
func (f *follower) end(t *testing.T, signal syscall.Signal) rig.Answer {
	t.Helper()
	if signal != 0 {
		if err := f.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	return rig.Answer{Code: rig.Code(t, f.cmd.Wait()), Out: f.out.String(), Err: f.err.String()}
}

// name is what the index has of a document; "" for none.
func (s *shop) name(alias, id string) string {
	s.t.Helper()
	_, text := s.Request(s.t, http.MethodGet, "/"+alias+"/_source/"+url.PathEscape(id)+"?_source_includes=name", "")
	_, name, found := strings.Cut(text, `"name":"`)
	name, _, _ = strings.Cut(name, `"`)
	if !found {
		return ""
	}
	return name
}

func (s *shop) until(what string, so func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	rig.WaitFor(s.t, 100*time.Millisecond, what, func() bool {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %s for %s; status says\n%s", patience, what, s.Run(s.t, "status", "items").Out)
		}
		return so()
	})
}

// patience is for machines that have much else to do.
const patience = 2 * time.Minute

// says waits until status says all of the texts.
func (s *shop) says(texts ...string) {
	s.t.Helper()
	s.until("status: "+strings.Join(texts, ", "), func() bool {
		a := s.Run(s.t, "status", "items")
		for _, text := range texts {
			if !strings.Contains(a.Out, text) {
				return false
			}
		}
		return true
	})
}

var long = strings.Repeat("y", 600)

// badly are four rows of which no document can be in the index as they are, and two that can.
func badly(round int) string {
	return fmt.Sprintf(`BEGIN;
UPDATE item SET name = repeat('x%d', 20000) WHERE id = '1';
UPDATE item SET divisor = 0, name = 'round %[1]d' WHERE id = '2';
UPDATE item SET body = repeat('word %[1]d ', 300000) WHERE id = '3';
INSERT INTO item VALUES ('%s', 'long %[1]d') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
UPDATE item SET name = 'good %[1]d' WHERE id = '5';
UPDATE other SET name = 'good %[1]d' WHERE id = 5;
COMMIT;`, round, long)
}

// Documents that the target refuses, that are too large for it, whose id is too long or whose
// SQL fails: they are kept as refused, through a kill -9, with one letter each; the index has
// what it had of them, and all others go on. Put right or deleted they are refused no more.
func TestRefusedUpdates(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	f := s.follow("--quiet")
	followed := func(round int) func() bool {
		return func() bool {
			good := fmt.Sprint("good ", round)
			return s.name(s.Alias, "5") == good && s.name(s.Alias+"-others", "5") == good
		}
	}
	for round := range 3 {
		s.SQL(t, badly(round))
		s.until("the others", followed(round))
		s.says("full, 4 refused", "4 refused: ")
		if round == 1 {
			f.end(t, syscall.SIGKILL)
			f = s.follow("--quiet")
		}
	}
	for _, id := range []string{"1", "2", "3"} {
		if got := s.name(s.Alias, id); got != "item "+id {
			t.Errorf("the index has %q of %s", got, id)
		}
	}
	letters := s.Run(t, "dlq", "show", "items", "--most", "0")
	for _, id := range []string{"1", "2", "3", long} {
		if n := strings.Count(letters.Out, `"id":"`+id+`"`); n != 1 {
			t.Errorf("document %.10s has %d letters", id, n)
		}
	}
	s.SQL(t, "UPDATE item SET divisor = 4, name = 'right' WHERE id = '2'") // its SQL fails for a comparison, too
	s.says("full, 3 refused")
	s.Run(t, "verify", "items", "--rejections", "3").Want(t, 0, "equal      but for 3 refused, known")
	s.Run(t, "verify", "items").Want(t, 6, "3 documents were rejected (limit 0)")
	s.Request(t, http.MethodDelete, "/"+s.Alias+"/_doc/77?refresh=true", "")
	s.Run(t, "verify", "items", "--rejections", "3").Want(t, 3, "1 missing", "document 77: missing")
	s.SQL(t, "UPDATE item SET name = 'right', body = NULL WHERE id IN ('1', '3', '77'); DELETE FROM item WHERE length(id) > 512")
	s.until("what is right", func() bool {
		return s.name(s.Alias, "1")+s.name(s.Alias, "2")+s.name(s.Alias, "3") == "rightrightright"
	})
	s.until("nothing refused", func() bool { return !strings.Contains(s.Run(t, "status", "items").Out, " refused") })
	s.Run(t, "verify", "items").Want(t, 0, "0 missing, 0 stale, 0 extra")
	s.SQL(t, badly(9))
	s.says("4 refused: ")
	f.end(t, syscall.SIGTERM).Want(t, 0)
}

// More refused documents than limits.rejections set that projection aside, until they are
// fewer; the others go on. A signal meanwhile ends it with exit code 6.
func TestProjectionIsSetAside(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	f := s.follow("--rejections", "1")
	s.SQL(t, badly(0))
	s.says("set aside, and tried again each minute")
	s.SQL(t, "UPDATE other SET name = 'while it is aside' WHERE id = 5")
	s.until("the others", func() bool { return s.name(s.Alias+"-others", "5") == "while it is aside" })
	f.end(t, syscall.SIGTERM).Want(t, 6, "items is set aside", "4 documents were rejected (limit 1)")
	s.SQL(t, "UPDATE item SET name = 'right', body = NULL, divisor = 1; DELETE FROM item WHERE length(id) > 512")
	f = s.follow("--rejections", "1", "--quiet")
	s.until("what is right", func() bool { return s.name(s.Alias, "1") == "right" })
	s.until("nothing refused", func() bool { return !strings.Contains(s.Run(t, "status", "items").Out, " refused") })
	f.end(t, syscall.SIGTERM).Want(t, 0)
}

// A kill -9 between the refusal, its letter and the mark: one letter, and the state has it.
func TestKilledWhileRefusing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i, point := range []string{"refusals kept", "letters written", "marks settled"} {
		id := fmt.Sprint(100 + i)
		s.SQL(t, fmt.Sprintf("UPDATE item SET name = repeat('x', 40000) WHERE id = '%s'", id))
		s.Env["HUMPTY_CRASH_AT"] = point
		s.follow("items", "--quiet").end(t, 0)
		delete(s.Env, "HUMPTY_CRASH_AT")
		f := s.follow("items", "--quiet")
		s.says(fmt.Sprintf("full, %d refused", i+1))
		f.end(t, syscall.SIGTERM).Want(t, 0)
		letters := s.Run(t, "dlq", "show", "items", "--most", "0").Out
		if n := strings.Count(letters, `"id":"`+id+`"`); n != 1 {
			t.Errorf("killed at %q: %d letters", point, n)
		}
	}
}

// What a run completed without is what the follower and every later comparison know of.
func TestRebuildHandsRefusedDocumentsOver(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.SQL(t, "UPDATE item SET name = repeat('x', 40000) WHERE id IN ('1', '2')")
	s.Run(t, "rebuild", "items", "--new").Want(t, 6)
	s.Run(t, "rebuild", "items", "--rejections", "2").Want(t, 0)
	s.Run(t, "status", "items").Want(t, 0, "full, 2 refused")
	s.Run(t, "verify", "items", "--rejections", "2").Want(t, 0, "equal      but for 2 refused, known")
	f := s.follow("items", "--quiet")
	s.says("full, 2 refused", "2 refused: ")
	s.SQL(t, "UPDATE item SET name = 'right' WHERE id = '1'")
	s.says("full, 1 refused", "1 refused: ")
	f.end(t, syscall.SIGTERM).Want(t, 0)
	s.Run(t, "verify", "items", "--rejections", "1").Want(t, 0, "equal      but for 1 refused, known")
	letters := s.Run(t, "dlq", "show", "items", "--most", "0").Out
	if n := strings.Count(letters, `"id":"2"`); n != 2 { // of the run that failed, and of the one that did not
		t.Errorf("%d letters", n)
	}
}

// Letters are discarded, and documents written again, while humpty follow has the file open in which
// the next letters go. Each document that is refused then has its letter, also one that is
// refused between the reading of the letters and their end.
func TestLettersGoUnderFollow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	f := s.follow("items", "--quiet")
	refuse := func(id string) {
		s.SQL(t, fmt.Sprintf("UPDATE item SET name = repeat('x', 40000) WHERE id = '%s'", id))
		s.until("a letter of "+id, func() bool {
			return strings.Contains(s.Run(t, "dlq", "show", "items", "--most", "0").Out, `"id":"`+id+`"`)
		})
	}
	refuse("1")
	s.Run(t, "dlq", "discard", "items", "--yes").Want(t, 0, "1 dead letters discarded")
	refuse("2")
	refuse("3")
	s.SQL(t, "UPDATE item SET name = 'right' WHERE id = '2'")
	s.until("what is right", func() bool { return s.name(s.Alias, "2") == "right" })

	at, release := s.HoldAt(t, "writes ended")
	retry := s.Command(t, "dlq", "retry", "items")
	said := new(strings.Builder)
	retry.Stdout, retry.Stderr = said, said
	if err := retry.Start(); err != nil {
		t.Fatal(err)
	}
	at()
	refuse("4")
	release()
	if code := rig.Code(t, retry.Wait()); code != 6 {
		t.Errorf("dlq retry: exit code %d: %s", code, said)
	}
	refuse("5")
	letters := s.Run(t, "dlq", "show", "items", "--most", "0").Out
	for id, want := range map[string]int{"1": 0, "2": 0, "3": 1, "4": 1, "5": 1} {
		if n := strings.Count(letters, `"id":"`+id+`"`); n != want {
			t.Errorf("document %s has %d letters, want %d", id, n, want)
		}
	}
	f.end(t, syscall.SIGTERM).Want(t, 0)
}
