//go:build unix

// Package previous has generations fed that served before, by the definitions that made them.
package previous

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/projector/checkpoint"
)

// newIndex, newDocument and newOracle are another definition: another mapping, other columns, an
// include less, and another one that was not there.
const (
	newIndex = `{
  "settings": {"number_of_shards": 2, "number_of_replicas": 0},
  "mappings": {"dynamic": "strict", "properties": {
    "id": {"type": "long"}, "placed": {"type": "keyword"}, "label": {"type": "keyword"},
    "lines": {"properties": {"no": {"type": "integer"}, "sku": {"type": "text"}}},
    "remarks": {"properties": {"id": {"type": "long"}, "text": {"type": "keyword"}}}}}
}`
	newDocument = `      columns: [id, placed, {label: upper(note)}]
      include:
        remarks:
          from: shop.remark
          on: {order_id: id}
          many: true
          columns: [id, text]
`
	newOracle = `SELECT o.id::text, json_build_object('id', o.id, 'placed', o.placed, 'label', upper(o.note),
 'remarks', coalesce((SELECT json_agg(json_build_object('id', r.id, 'text', r.text) ORDER BY r.id) FROM remark r WHERE r.order_id = o.id), '[]'),
 'lines', coalesce((SELECT json_agg(json_build_object('no', l.no, 'sku', l.sku) ORDER BY l.no) FROM line l WHERE l.order_id = o.id), '[]'))::text FROM orders o`
	oldDocument = `      include:
        customer:
          from: shop.customer
          on: {id: customer_id}
          one: true
          columns: [name]
`
	oldLines, newLines = "order_by: [no]\n", "order_by: [no]\n          columns: [no, sku]\n"
)

// newShop is a shop whose first generation is made and that feeds what served before for so long.
func newShop(t *testing.T, feed string) *rig.Shop {
	t.Helper()
	s := rig.NewLiveShop(t, "follow")
	s.SQL(t, `CREATE TABLE remark (id bigint PRIMARY KEY, order_id bigint, text text);
ALTER TABLE remark REPLICA IDENTITY FULL; INSERT INTO remark SELECT i, i, 'remark ' || i FROM generate_series(1, 100) i`)
	s.Edit(t, "writer: follow\n", "writer: follow\n    keep: {feed_previous: "+feed+"}\n")
	s.Run(t, "rebuild").Want(t, 0)
	return s
}

// redefine puts the new definition into the file, or the old one back.
func redefine(t *testing.T, s *rig.Shop, afresh bool) {
	t.Helper()
	if !afresh {
		s.Edit(t, newDocument, oldDocument, newLines, oldLines)
		s.Write(t, "orders.index.json", rig.Index)
		return
	}
	s.Edit(t, oldDocument, newDocument, oldLines, newLines)
	s.Write(t, "orders.index.json", newIndex)
}

// change is one of the application's, to the tables of both definitions.
func change(rng *rand.Rand, i int) string {
	if rng.IntN(4) == 0 {
		return fmt.Sprintf("INSERT INTO remark VALUES (%d, %d, 'more %d') ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, text = 'again %[3]d'", 1+rng.IntN(150), 1+rng.IntN(320), i)
	}
	return rig.ReferencedChange(rng, i)
}

// differing holds every document of an index against an oracle, once and as they are.
func differing(t *testing.T, s *rig.Shop, index, oracle string) (all []string) {
	t.Helper()
	want := s.Documents(t, oracle)
	s.Request(t, http.MethodPost, "/"+index+"/_refresh", "")
	_, body := s.Request(t, http.MethodPost, "/"+index+"/_search", `{"size": 5000}`)
	var found struct {
		Hits *struct {
			Hits []struct {
				ID     string `json:"_id"`
				Source any    `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil || found.Hits == nil {
		t.Fatalf("search: %v %s", err, body)
	}
	for _, h := range found.Hits.Hits {
		if doc, ok := want[h.ID]; !ok || !reflect.DeepEqual(h.Source, doc) {
			all = append(all, fmt.Sprintf("order %s is %v, want %v", h.ID, h.Source, doc))
		}
		delete(want, h.ID)
	}
	for id := range want {
		all = append(all, "order "+id+" is missing")
	}
	return all
}

// right fails the test unless an index is what an oracle says, now.
func right(t *testing.T, s *rig.Shop, index, oracle string) {
	t.Helper()
	if all := differing(t, s, index, oracle); len(all) > 0 {
		t.Errorf("%d documents of %s differ, first %s", len(all), index, all[0])
	}
}

// waitRight waits until it is.
func waitRight(t *testing.T, s *rig.Shop, index, oracle string) {
	t.Helper()
	tries := 0
	rig.WaitFor(t, 500*time.Millisecond, "the index to be what SQL says", func() bool {
		tries++
		return len(differing(t, s, index, oracle)) == 0 || tries == 120
	})
	right(t, s, index, oracle)
}

// captures waits until so many slots and publications are there.
func captures(t *testing.T, s *rig.Shop, want int) {
	t.Helper()
	conn, tries := s.Connect(t), 0
	rig.WaitFor(t, 500*time.Millisecond, "the slots", func() bool {
		tries++
		return rig.Captures(t, conn) == want || tries == 120
	})
	if n := rig.Captures(t, conn); n != want {
		t.Errorf("%d slots and publications are there, want %d", n, want)
	}
}

// serves fails the test unless the alias serves it.
func serves(t *testing.T, s *rig.Shop, want string) {
	t.Helper()
	if now, _ := s.Serving(t); now != want {
		t.Errorf("%s serves, not %s", now, want)
	}
}

// Blue and green with a changed definition, beside writers: the one that served before is fed by
// its own, a rollback is instant and loses nothing, and so is the way forward, whether humpty
// follow runs, was killed, or was started again with the new file.
func TestRollbackToAnotherDefinition(t *testing.T) {
	t.Parallel()
	s := newShop(t, "24h")
	old, _ := s.Serving(t)
	following := s.Start(t, "follow")
	stop := s.Busy(t, 3, change)
	redefine(t, s, true)
	s.Run(t, "check").Want(t, 0)
	s.Run(t, "rebuild").Want(t, 0, "held for "+old+", which is fed until")
	now, _ := s.Serving(t)
	captures(t, s, 4)
	s.Run(t, "check").Want(t, 0, "held for "+old+", which is fed until")
	s.Run(t, "plan").Want(t, 0, "held for "+old+", which is fed until")
	s.Run(t, "status").Want(t, 0, old+", which served before, is fed by the definition that it was made by")
	s.Run(t, "verify", "--generation", old).Want(t, 0, old+" is compared by the definition that it was made by", "full")
	s.Run(t, "prune", "--yes").Want(t, 0)
	stop()
	s.Run(t, "rollback").Want(t, 0, "serves "+old, old+" has all that was committed, says humpty follow", now+" is fed until", "by the one that is stored with it")
	right(t, s, old, rig.Oracle)
	serves(t, s, old)
	captures(t, s, 4)

	t.Log("forward, beside writers")
	stop = s.Busy(t, 3, change)
	waitFollowed(t, s)
	s.Run(t, "status").Want(t, 0, old+" was made by another definition", now+", which served before, is fed until")
	s.Run(t, "verify").Want(t, 0, old+" is compared by the definition that it was made by")
	stop()
	began := time.Now()
	s.Run(t, "rollback").Want(t, 0, "serves "+now)
	t.Logf("it took %v", time.Since(began))
	right(t, s, now, newOracle)

	t.Log("back, with a humpty follow that was killed")
	if err := following.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	following.Wait(t)
	s.Busy(t, 3, change)()
	s.SQL(t, "UPDATE orders SET note = 'nobody follows' WHERE id < 20; DELETE FROM remark WHERE id < 10")
	s.Run(t, "rollback").Want(t, 0, "serves "+old, old+" has all that was committed; nobody follows now")
	right(t, s, old, rig.Oracle)

	t.Log("a humpty follow that has the new file follows by the stored one")
	following = s.Start(t, "follow")
	waitFollowed(t, s)
	s.SQL(t, "UPDATE customer SET name = 'by the old definition'; UPDATE remark SET text = 'by the new one'")
	waitRight(t, s, old, rig.Oracle)
	waitRight(t, s, now, newOracle)
	s.Run(t, "rollback", "--to", now).Want(t, 0, "serves "+now)
	right(t, s, now, newOracle)
	following.Interrupt(t).Want(t, 0, "is fed by the definition that it was made by")

	t.Log("the old definition again")
	redefine(t, s, false)
	following = s.Start(t, "follow")
	waitFollowed(t, s)
	s.SQL(t, "UPDATE customer SET name = 'at last'; UPDATE remark SET text = 'at last'")
	waitRight(t, s, old, rig.Oracle)
	waitRight(t, s, now, newOracle)
	following.Interrupt(t).Want(t, 0)
}

// waitFollowed waits until a process follows what the alias serves.
func waitFollowed(t *testing.T, s *rig.Shop) {
	t.Helper()
	tries := 0
	rig.WaitFor(t, 500*time.Millisecond, "humpty follow", func() bool {
		tries++
		return strings.Contains(s.Run(t, "status").Out, "humpty follow keeps it up to date") || tries == 60
	})
	if tries == 60 {
		t.Error("nobody follows")
	}
}

// When the time is over the slot goes and that is told, by humpty follow, or by the next verb
// where none runs. A rollback then is none that is instant.
func TestTimeOfThePreviousEnds(t *testing.T) {
	t.Parallel()
	for _, followed := range []bool{true, false} {
		t.Run(fmt.Sprint("followed ", followed), func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "20s")
			old, _ := s.Serving(t)
			var following rig.Running
			if followed {
				following = s.Start(t, "follow")
			}
			redefine(t, s, true)
			s.Run(t, "rebuild").Want(t, 0, "held for "+old)
			swapped := time.Now()
			now, _ := s.Serving(t)
			if n := rig.Captures(t, s.Connect(t)); n != 4 {
				t.Errorf("%d slots and publications are there right behind the swap, want 4", n)
			}
			rig.WaitFor(t, time.Second, "the end of its time", func() bool { return time.Since(swapped) > 21*time.Second })
			if followed {
				captures(t, s, 2)
				s.SQL(t, "UPDATE remark SET text = 'still followed'")
				waitRight(t, s, now, newOracle)
				following.Interrupt(t).Want(t, 0, old+", which served before, is not fed any more, and its capture is released: the time of keep.feed_previous is over")
			} else {
				s.Run(t, "status").Want(t, 0, "is over")
				s.Run(t, "prune", "--yes").Want(t, 0, "dropped humpty_")
				captures(t, s, 2)
			}
			if out := s.Run(t, "status"); strings.Contains(out.Out, "is fed") {
				t.Errorf("it says that it is fed: %s", out.Out)
			}
			s.Run(t, "rollback").Want(t, 4, "was made by another definition")
			serves(t, s, old) // it was asked for
		})
	}
}

// A generation whose definition is not stored, or is another one than its hash names, is not fed:
// that is told, and its slot goes with the swap. What serves is followed.
func TestPreviousWithoutItsDefinition(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"is not stored": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "definition.json")); err != nil {
				t.Fatal(err)
			}
			store, err := checkpoint.Open(dir, checkpoint.Options{})
			if err != nil {
				t.Fatal(err)
			}
			run, err := checkpoint.ReadRun(store)
			if err != nil {
				t.Fatal(err)
			}
			run.Text = nil // as of a version that did not store it
			var packed bytes.Buffer
			if err := errors.Join(gob.NewEncoder(&packed).Encode(*run), store.Keep("begun", packed.Bytes()), store.Close()); err != nil {
				t.Fatal(err)
			}
		},
		"cannot be used": func(t *testing.T, dir string) {
			file := filepath.Join(dir, "definition.json")
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, bytes.Replace(text, []byte("customer_id"), []byte("id"), 1), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "24h")
			old, _ := s.Serving(t)
			runs, err := filepath.Glob(filepath.Join(s.Env["HUMPTY_STATE"], "orders", "*"))
			if err != nil || len(runs) != 1 {
				t.Fatal(runs, err)
			}
			spoil(t, runs[0])
			redefine(t, s, true)
			following := s.Start(t, "follow", "orders")
			following.Wait(t).Want(t, 4, "was changed since", name)
			s.Run(t, "rebuild").Want(t, 0, old+", which served before, is not fed", name)
			captures(t, s, 2)
			now, _ := s.Serving(t)
			following = s.Start(t, "follow")
			waitFollowed(t, s)
			s.SQL(t, "UPDATE remark SET text = 'followed'")
			waitRight(t, s, now, newOracle)
			following.Interrupt(t).Want(t, 0)
		})
	}
}

// What goes wrong with the generation that is fed is told, and what serves is followed on.
func TestTroubleOfThePrevious(t *testing.T) {
	t.Parallel()
	s := newShop(t, "true")
	old, _ := s.Serving(t)
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	following := s.Start(t, "follow", "--metrics", address)
	redefine(t, s, true)
	s.Run(t, "rebuild").Want(t, 0, "until another takes its place")
	now, _ := s.Serving(t)
	waitFollowed(t, s)
	s.SQL(t, "UPDATE customer SET name = 'fed'")
	waitRight(t, s, old, rig.Oracle)
	s.SQL(t, "ALTER TABLE customer ADD COLUMN more text; UPDATE customer SET name = 'a gap'; UPDATE remark SET text = 'none'")
	captures(t, s, 2)
	waitRight(t, s, now, newOracle)
	s.Run(t, "status").Want(t, 0, old+", which served before, is not fed")
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil || !strings.Contains(text.String(), `humpty_set_aside{projection="orders",generation="`+old+`"} 1`) {
		t.Errorf("%v: %s", err, text.String())
	}
	following.Interrupt(t).Want(t, 0, old+", which served before, is not fed any more, and its capture is released")
	s.SQL(t, "ALTER TABLE customer REPLICA IDENTITY NOTHING") // which the present definition does not read
	s.Run(t, "check").Want(t, 0, old+": by its own definition it cannot be kept up to date")
}
