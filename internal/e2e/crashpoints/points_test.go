//go:build unix

// Package crashpoints kills the program between any two durable effects, and goes on with it.
package crashpoints

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/internal/crashpoint"
	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

const orders, customers = 400, 20

// The ways to swap. A point that only some have is tried in these.
var writers = []string{"follow", "freeze", "handover"}

func writersOf(point string) []string {
	switch point {
	case "block noted", "writes blocked":
		return []string{"freeze"}
	case "handover recorded", "touched recorded", "touched written", "pass begun", "handover ended":
		return []string{"handover"}
	case "deletion postponed", "deletion made again": // see internal/e2e/late: an answer must be lost first
		return nil
	case "refusals kept", "letters written": // package refused: here nothing is refused
		return nil
	case "capture released": // the slot of follow stays
		return []string{"freeze", "handover"}
	}
	return writers
}

// campaign is whether everything is tried: all ways, later times, the same point again when
// the run goes on. HUMPTY_CRASH_POINTS=all go test ./internal/e2e/crashpoints
func campaign() bool { return os.Getenv("HUMPTY_CRASH_POINTS") == "all" }

// The program kills itself at each point, while the application writes; what is left is gone
// on with. At the end the index is what SQL says, the lease is free, nothing is blocked, and
// nothing is left on the source that prune does not drop.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	pg := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	es := devstack.Elasticsearch(t)
	template(t, pg)
	for i, point := range crashpoint.Points() {
		if slices.Contains(adopting, point) {
			continue // a rebuild does not come by
		}
		tried := writersOf(point)
		if !campaign() && len(tried) > 0 {
			tried = tried[i%len(tried):][:1]
		}
		for _, writer := range tried {
			t.Run(point+" "+writer, func(t *testing.T) {
				t.Parallel()
				times := []string{"1"}
				if campaign() {
					times = []string{"1", "2", "5"}
				}
				for _, at := range times {
					killedAt(t, copyDatabase(t, pg), es, writer, point, at)
				}
			})
		}
	}
}

func killedAt(t *testing.T, pg, es, writer, point, at string) {
	t.Helper()
	s := rig.New(t, pg, es)
	s.Live(t, writer, "")
	if writer != "follow" { // there is an index that the application writes to
		s.Run(t, "rebuild").Want(t, 0)
	}
	stop := startWriting(t, s, writer)
	s.Env["HUMPTY_CRASH_AT"], s.Env["HUMPTY_CRASH_TIME"] = point, at
	killed := 0
	for range 2 {
		first := resume(t, s)
		if first.Code != -1 {
			if killed == 0 && at == "1" {
				t.Errorf("the program did not come by %s: exit code %d\n%s%s", point, first.Code, first.Out, first.Err)
			}
			break
		}
		killed++
		if !campaign() {
			break
		}
	}
	delete(s.Env, "HUMPTY_CRASH_AT")
	if writer == "follow" { // nobody goes on with it here
		stop()
	}
	resume(t, s).Want(t, 0, "alias "+s.Alias+" serves ")
	if writer != "follow" {
		stop()
	}
	if d := s.Differing(t, true); len(d) > 0 {
		t.Errorf("%d differ, first %s", len(d), d[0])
	}
	leftBehind(t, s, writer)
}

// resume is what a person does after a crash: resume; or, where nothing was written down, wait
// for the lease and begin.
func resume(t *testing.T, s *rig.Shop) rig.Answer {
	t.Helper()
	a := s.Run(t, "resume")
	if a.Code != 4 || !strings.Contains(a.Err, "no stopped run is known") {
		return a
	}
	s.Expire(t)
	return s.Run(t, "rebuild")
}

func leftBehind(t *testing.T, s *rig.Shop, writer string) {
	t.Helper()
	s.Run(t, "prune", "--yes").Want(t, 0)
	want := 0
	if writer == "follow" {
		want = 2 // for humpty follow
	}
	var left int
	const ours = `SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()) + (SELECT count(*) FROM pg_publication)`
	if err := s.Connect(t).QueryRow(t.Context(), ours).Scan(&left); err != nil || left != want {
		t.Errorf("%d slots and publications are left, want %d (%v)", left, want, err)
	}
	if _, settings := s.Request(t, http.MethodGet, "/"+s.Alias+"/_settings?flat_settings=true", ""); strings.Contains(settings, "index.blocks") || strings.Contains(settings, "gc_deletes") {
		t.Errorf("the index that serves has %s", settings)
	}
	if _, lease := s.Request(t, http.MethodGet, "/humpty-leases/_doc/"+s.Alias, ""); !strings.Contains(lease, `"expires":"0001-`) {
		t.Errorf("the lease is %s", lease)
	}
	s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")
}

// template makes the tables once.
func template(t *testing.T, pg string) {
	t.Helper()
	execute(t, pg, "CREATE DATABASE shop")
	execute(t, withDatabase(t, pg, "shop"), rig.UnconstrainedTables(orders, customers))
}

// copyDatabase is a database with the tables.
func copyDatabase(t *testing.T, pg string) string {
	t.Helper()
	name := devstack.Name(t)
	execute(t, pg, fmt.Sprintf("CREATE DATABASE %q TEMPLATE shop", name))
	return withDatabase(t, pg, name)
}

func withDatabase(t *testing.T, pg, database string) string {
	t.Helper()
	u, err := url.Parse(pg)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}

func execute(t *testing.T, pg, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}
