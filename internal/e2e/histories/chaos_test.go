// Package histories runs random ones, of a few fixed seeds; go run ./bench chaos runs many.
package histories

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/internal/testenv/chaos"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
)

// Random schemas, writers, interruptions and late attempts, by each way to swap, with generated
// columns, and identities, publications and partitions that change. What a campaign of many seeds
// is, is go run ./bench chaos.
func TestChaos(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	place := chaos.Place{
		Postgres: stack.Addresses().Postgres, Elasticsearch: devstack.Elasticsearch(t),
		Name:     strings.ReplaceAll(devstack.Name(t), "_", "-"),
		Troubles: []chaos.Trouble{chaos.Generated, chaos.Identity, chaos.Publication, chaos.Partition},
	}
	late := 0
	for _, h := range []struct {
		mode projector.Writer
		seed uint64
	}{{chaos.Snapshot, 0}, {projector.WriterFreeze, 15}, {projector.WriterFreeze, 4}, {projector.WriterFollow, 9}, {projector.WriterHandover, 1}} {
		t.Run(fmt.Sprintf("%s %d", h.mode, h.seed), func(t *testing.T) {
			report, err := chaos.Run(t.Context(), place, h.seed, h.mode)
			if err != nil {
				t.Fatal(err)
			}
			if report.Transactions == 0 {
				t.Error("nothing was written beside it")
			}
			late += report.Late
			t.Logf("%+v", report)
		})
	}
	if late == 0 {
		t.Error("no attempt was late")
	}
	leavesNothing(t, place)
}

// leavesNothing wants all to be gone that histories made: a server has room for so many shards,
// slots and databases only.
func leavesNothing(t *testing.T, place chaos.Place) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, place.Elasticsearch+"/_cat/indices/"+place.Name+"*?expand_wildcards=all", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || len(text) > 0 {
		t.Errorf("indexes are left (%v):\n%s", err, text)
	}
	conn, err := pgx.Connect(t.Context(), place.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var left int
	err = conn.QueryRow(t.Context(), "select (select count(*) from pg_database where datname not in ('postgres', 'template0', 'template1')) + (select count(*) from pg_replication_slots)").Scan(&left)
	if err != nil || left > 0 {
		t.Errorf("%d databases and slots are left (%v)", left, err)
	}
}

// With a synchronous standby that acknowledges late, commits are in the stream long before
// a read sees them.
func TestChaosWithALateStandby(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	place := chaos.Place{
		Postgres: stack.Addresses().Postgres, Elasticsearch: devstack.Elasticsearch(t),
		Name: strings.ReplaceAll(devstack.Name(t), "_", "-"),
	}
	stop, err := chaos.Standby(t.Context(), place.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	report, err := chaos.Run(t.Context(), place, 2, projector.WriterFollow)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", report)
}
