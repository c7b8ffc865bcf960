//go:build unix

// Package leases has leases that are forged, damaged or of a process that hangs.
package leases

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

func newShop(t *testing.T) *rig.Shop {
	t.Helper()
	s := rig.New(t, devstack.Postgres(t), devstack.Elasticsearch(t))
	s.SQL(t, rig.UnconstrainedTables(300, 10))
	return s
}

// TestUnlock: a rebuild hangs in its load, and its lease says that it ends in 9999. unlock breaks the
// lease, the rebuild stops though its target is slow, what it sends then has no effect, and the
// next rebuild need not wait.
func TestUnlock(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	loading, release := s.Hold(t, 0)
	hanging := s.Command(t, "rebuild", "orders")
	said := rig.Lines(t, hanging)
	if err := hanging.Start(); err != nil {
		t.Fatal(err)
	}
	<-loading
	if status, body := s.Request(t, http.MethodPost, "/humpty-leases/_update/"+s.Alias+"?retry_on_conflict=9", `{"doc": {"expires": "9999-12-31T00:00:00Z"}}`); status != http.StatusOK {
		t.Fatalf("forge the end of the lease: %d %s", status, body)
	}
	s.Run(t, "unlock").Want(t, 4, "this cannot be undone", "humpty unlock orders --yes")
	s.Run(t, "unlock", "--yes", "--json").Want(t, 0, `"broken":true`, `"verb":"rebuild"`, `"renewed":true`, `"since":"20`)
	s.Run(t, "unlock", "--yes").Want(t, 0, "the lease is free")
	began := time.Now()
	text := strings.Join(said(""), "\n")
	if code := rig.Code(t, hanging.Wait()); code != 4 || time.Since(began) > time.Minute {
		t.Errorf("the rebuild ended with %d after %s", code, time.Since(began))
	}
	if !strings.Contains(text, "the lease on the projection is lost") || !strings.Contains(text, "(unlock, pid ") {
		t.Errorf("it does not say why it ended: %s", text)
	}
	release()
	began = time.Now()
	s.Run(t, "rebuild", "--new").Want(t, 0, "alias "+s.Alias+" serves ")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the next rebuild took %s", took)
	}
	if all := s.Differing(t, true); len(all) > 0 {
		t.Errorf("%d documents are wrong, first %s", len(all), all[0])
	}
}

// TestForgedLease: a lease of nobody that ends in 9999 is watched, and taken over. One that is no
// lease is said at once, and unlock puts it right.
func TestForgedLease(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Run(t, "rebuild").Want(t, 0)
	lease := "/humpty-leases/_doc/" + s.Alias
	s.Request(t, http.MethodPut, lease, `{"owner":{"run":"none","host":"nowhere","pid":1,"verb":"rebuild"},"fence":9,"expires":"9999-12-31T00:00:00Z"}`)
	s.Run(t, "status").Want(t, 0, "nobody works on it: run none (rebuild, pid 1 on nowhere) has not given its lease back")
	began := time.Now()
	s.Run(t, "rebuild").Want(t, 0, "run none (rebuild, pid 1 on nowhere): its lease has not changed for", "alias "+s.Alias+" serves ")
	if took := time.Since(began); took < 60*time.Second || took > 120*time.Second {
		t.Errorf("it took %s", took)
	}
	s.Request(t, http.MethodPut, lease, `{"owner":7}`)
	began = time.Now()
	s.Run(t, "rebuild").Want(t, 4, "is damaged", "document "+s.Alias+" of index humpty-leases", "humpty unlock")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it was said after %s", took)
	}
	s.Run(t, "status").Want(t, 0, "is damaged", "humpty unlock orders")
	s.Run(t, "unlock", "--yes").Want(t, 0, "the lease was broken", "is damaged")
	s.Run(t, "rebuild").Want(t, 0)
}
