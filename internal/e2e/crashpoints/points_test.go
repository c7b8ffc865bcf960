//go:build unix

// Package crashpoints kills the program between any two durable effects, and goes on with it.
package crashpoints

import (
	"context"
	"os"
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
	case "adoption noted", "differences found", "differences marked", "adoption proven": // see package adoption
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
					killedAt(t, rig.Create(t, pg, "shop"), es, writer, point, at)
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
	s.LeavesNothing(t, writer)
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

// template makes the tables once.
func template(t *testing.T, pg string) {
	t.Helper()
	server := rig.Database{DSN: pg}
	server.SQL(t, "CREATE DATABASE shop")
	shop := rig.Database{DSN: rig.WithDatabase(t, pg, "shop")}
	conn, err := pgx.Connect(t.Context(), shop.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) // a template has no connections
	if _, err := conn.Exec(t.Context(), rig.UnconstrainedTables(orders, customers)); err != nil {
		t.Fatal(err)
	}
}
