//go:build unix

package refused

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/internal/e2e/rig"
)

const byRow = `version: 1
sources:
  shop: {postgres: {dsn: "${SHOP_DSN}"}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
projections:
  items:
    target: search
    alias: ${ALIAS}
    consistency: live
    writer: handover
    version: {column: v}
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {properties: {id: {type: long}, note: {type: keyword}, v: {type: long}}}}
    document: {from: shop.item}
`

const items = `CREATE TABLE item (id bigint PRIMARY KEY, note text, v bigint NOT NULL); CREATE SEQUENCE rev START 100;
INSERT INTO item SELECT i, 'first', i % 3 FROM generate_series(1, 60) i`

// itemsApp writes items with the versions of their rows, each some time after its commit.
type itemsApp struct {
	*rig.Shop
	t       *testing.T
	conn    *pgx.Conn
	rng     *rand.Rand
	newest  map[int]int64
	pending []itemWrite
	sent    int
}

type itemWrite struct {
	id      int
	version int64
	body    string // empty: a deletion
}

func (a *itemsApp) act(ctx context.Context) error {
	id := 1 + a.rng.IntN(90)
	switch k := a.rng.IntN(8); {
	case k < 4:
		w := itemWrite{id: id}
		note := fmt.Sprint("note ", a.sent, a.rng.IntN(1000))
		err := a.conn.QueryRow(ctx, "INSERT INTO item VALUES ($1, $2, nextval('rev')) ON CONFLICT (id) DO UPDATE SET note = $2, v = nextval('rev') RETURNING v", id, note).Scan(&w.version)
		w.body = fmt.Sprintf(`{"id":%d,"note":%q,"v":%d}`, id, note, w.version)
		a.committed(w)
		return err
	case k == 4:
		for i := 0; i < len(a.pending); { // what was written before is answered
			if a.pending[i].id != id || !a.send(ctx, i) {
				i++
			}
		}
		if slices.ContainsFunc(a.pending, func(w itemWrite) bool { return w.id == id }) {
			return nil
		}
		w := itemWrite{id: id}
		_, err := a.conn.Exec(ctx, "DELETE FROM item WHERE id = $1", id)
		if err == nil {
			err = a.conn.QueryRow(ctx, "SELECT nextval('rev')").Scan(&w.version)
		}
		a.committed(w)
		return err
	case len(a.pending) > 0:
		a.send(ctx, a.rng.IntN(len(a.pending)))
	}
	return nil
}

func (a *itemsApp) committed(w itemWrite) {
	a.newest[w.id] = w.version
	a.pending = append(a.pending, w)
}

// send writes one to the alias, unless the index is blocked. What is newest may only be refused
// because it is there already.
func (a *itemsApp) send(ctx context.Context, i int) bool {
	w := a.pending[i]
	method := http.MethodPut
	if w.body == "" {
		method = http.MethodDelete
	}
	status, answer := a.RequestWith(ctx, a.t, method, fmt.Sprintf("/%s/_doc/%d?version=%d&version_type=external", a.Alias, w.id, w.version), w.body)
	if status == http.StatusForbidden { // freeze
		return false
	}
	a.sent++
	a.pending = append(a.pending[:i:i], a.pending[i+1:]...)
	switch {
	case status/100 == 2, status == http.StatusNotFound && w.body == "":
	case status != http.StatusConflict:
		a.t.Errorf("item %d, version %d: %d %s", w.id, w.version, status, answer)
	case a.newest[w.id] == w.version && !strings.Contains(answer, fmt.Sprintf("current version [%d]", w.version)):
		a.t.Errorf("the newest of item %d, version %d, was refused: %s", w.id, w.version, answer)
	}
	return true
}

// differing compares documents and versions with the table.
func (a *itemsApp) differing() string {
	a.t.Helper()
	want := map[string]string{}
	rows, err := a.conn.Query(a.t.Context(), "SELECT id::text, json_build_object('id', id, 'note', note, 'v', v)::text || ' @' || v FROM item")
	if err == nil {
		var id, doc string
		_, err = pgx.ForEachRow(rows, []any{&id, &doc}, func() error {
			want[id] = strings.ReplaceAll(doc, " : ", ":")
			want[id] = strings.ReplaceAll(want[id], ", ", ",")
			return nil
		})
	}
	if err != nil {
		a.t.Fatal(err)
	}
	a.Request(a.t, http.MethodPost, "/"+a.Alias+"/_refresh", "")
	_, body := a.Request(a.t, http.MethodPost, "/"+a.Alias+"/_search", `{"size": 1000, "version": true}`)
	var found struct {
		Hits struct {
			Hits []struct {
				ID      string          `json:"_id"`
				Version int64           `json:"_version"`
				Source  json.RawMessage `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil {
		a.t.Fatal(err, body)
	}
	have := map[string]string{}
	for _, h := range found.Hits.Hits {
		have[h.ID] = fmt.Sprintf("%s @%d", h.Source, h.Version)
	}
	if reflect.DeepEqual(want, have) {
		return ""
	}
	for id, doc := range want {
		if have[id] != doc {
			return fmt.Sprintf("item %s is %s, want %s", id, have[id], doc)
		}
	}
	return fmt.Sprintf("%d documents, want %d", len(have), len(want))
}

// Over three generations an application writes with the versions of its rows, deletions among
// them, and late: it is never refused what is newest, and in the end documents and versions
// are those of the table.
func TestVersionsOfRowsOnARealTarget(t *testing.T) {
	t.Parallel()
	for _, writer := range []string{"handover", "freeze", "follow"} {
		t.Run(writer, func(t *testing.T) {
			t.Parallel()
			s := rig.NewLiveShop(t, "handover")
			s.Write(t, "humpty.yaml", strings.Replace(byRow, "writer: handover", "writer: "+writer, 1))
			s.SQL(t, items)
			a := &itemsApp{Shop: s, t: t, conn: s.Connect(t), rng: rand.New(rand.NewPCG(7, uint64(len(writer)))), newest: map[int]int64{}}
			s.Run(t, "rebuild", "--max-shrink", "100%").Want(t, 0)
			if text := a.differing(); text != "" {
				t.Fatal(text)
			}
			var follow rig.Running
			if writer == "follow" {
				follow = s.Start(t, "follow")
			}
			for range 2 {
				ended := make(chan rig.Answer, 1)
				cmd := s.Command(t, "rebuild", "--max-shrink", "100%")
				go func() { ended <- rig.End(t, cmd) }()
				for running := true; running; {
					select {
					case answer := <-ended:
						answer.Want(t, 0)
						running = false
					case <-time.After(time.Duration(a.rng.IntN(4+a.sent/rig.Fatigue)) * time.Millisecond):
						if err := a.act(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				for range 50 {
					if err := a.act(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for len(a.pending) > 0 {
				a.send(t.Context(), a.rng.IntN(len(a.pending)))
			}
			if writer == "follow" {
				rig.WaitFor(t, 100*time.Millisecond, "the index to be as the table", func() bool { return a.differing() == "" })
				follow.Interrupt(t)
			}
			if text := a.differing(); text != "" {
				t.Error(text)
			}
			if a.sent < 50 {
				t.Errorf("the application wrote %d times only", a.sent)
			}
		})
	}
}

// What cannot hold is refused before anything is made, and a version that went back is named.
func TestVersionsOfRowsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "handover")
	s.Write(t, "humpty.yaml", byRow)
	s.SQL(t, items+"; ALTER TABLE item ALTER COLUMN v DROP NOT NULL")
	s.Run(t, "check").Want(t, 64, "the version column v may be NULL in public.item", `ALTER TABLE "public"."item" ALTER COLUMN "v" SET NOT NULL`)
	s.SQL(t, `ALTER TABLE "public"."item" ALTER COLUMN "v" SET NOT NULL`)
	s.Edit(t, "{column: v}", "{column: note}")
	s.Run(t, "check").Want(t, 64, "the version column note is of type pg_catalog.text, and a version is an integer")
	s.Edit(t, "{column: note}", "{column: v}")
	s.SQL(t, "UPDATE item SET v = -1 WHERE id = 5")
	s.Run(t, "rebuild").Want(t, 6, "document 5: source: column public.item.v: the version is negative, which no index takes: -1")
	s.SQL(t, "UPDATE item SET v = 50 WHERE id = 5")
	s.Run(t, "rebuild").Want(t, 0)
	s.SQL(t, "UPDATE item SET v = 49, note = 'set back' WHERE id = 5")
	s.Run(t, "repair").Want(t, 6, "its row has version 49, and the index has version 50 already", "Raise it above 50")
	s.SQL(t, "UPDATE item SET v = 51 WHERE id = 5")
	s.Run(t, "repair").Want(t, 0)
	s.Run(t, "verify").Want(t, 0)
	s.Edit(t, "    version: {column: v}\n", "")
	s.Run(t, "check").Want(t, 0, "refused with 409 for good")
	s.Run(t, "repair").Want(t, 4, "cannot be mixed in one index", "humpty rebuild items")
}
