package e2e

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources/postgres"
)

// Both servers are killed and started again, in the load and in the verification or the swap;
// one process goes through all of it, and the index is what SQL says. With HUMPTY_OUTAGES=all
// the target is also killed at the seal, and is of both products in turn.
func TestKilledServersAreWaitedFor(t *testing.T) {
	t.Parallel()
	targets := []devstack.Kind{devstack.KindElasticsearch}
	if everyOutage() {
		targets = append(targets, devstack.KindOpenSearch)
	}
	for _, target := range targets {
		t.Run(string(target), func(t *testing.T) { killedServers(t, target) })
	}
}

func everyOutage() bool { return os.Getenv("HUMPTY_OUTAGES") == "all" }

func killedServers(t *testing.T, target devstack.Kind) {
	t.Helper()
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres, target},
		Config:  map[devstack.Kind][]string{target: {"cluster.routing.allocation.disk.threshold_enabled: false"}},
	})
	s := &scene{t: t, pg: stack.Addresses().Postgres, es: stack.Addresses().Elasticsearch + stack.Addresses().OpenSearch, alias: "orders"}
	app, err := pgx.Connect(t.Context(), s.pg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Exec(t.Context(), tables, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	if s.target, err = elastic.Dial(t.Context(), elastic.Config{Addresses: []string{s.es}, Alias: s.alias}); err != nil {
		t.Fatal(err)
	}
	source, err := postgres.New(postgres.Config{DSN: s.pg, Shape: shape(), MaxConnections: 3, PageBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	store, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	var starting errgroup.Group
	var kills atomic.Int64
	killed := map[string]bool{}
	restart := func(where string, kind devstack.Kind) {
		if killed[where] {
			return
		}
		killed[where] = true
		kills.Add(1)
		if err := stack.Kill(kind); err != nil {
			t.Error(err)
		}
		starting.Go(func() error { return stack.Start(context.WithoutCancel(t.Context()), kind) })
	}
	rng := rand.New(rand.NewPCG(3, 1))
	r := projector.Rebuild{
		Projection: projector.Projection{
			Name: "orders", Alias: s.alias, Versions: "class",
			Index:  json.RawMessage(`{"settings": {"number_of_shards": 2, "number_of_replicas": 0}}`),
			Limits: projector.Limits{Batch: 8 << 10, Writers: 2},
		},
		Source: source, Target: s.target, Owner: sinks.Owner{Run: "outage"},
		Live: &projector.Live{Checkpoint: store, Writer: projector.WriterFollow},
	}
	r.Observe = func(e report.Event) {
		switch {
		case e.Kind == report.Waiting || e.Kind == report.Notice:
			t.Log(e.Phase, e.Text)
		case e.Kind == report.Progress && e.Phase == report.PhaseLoad && e.Done > 200:
			restart("source in load", devstack.KindPostgres)
			if e.Done > 500 {
				restart("target in load", target)
			}
		case e.Kind == report.Started && e.Phase == report.PhaseVerify:
			restart("source in verify", devstack.KindPostgres)
		case e.Kind == report.Started && e.Phase == report.PhaseSeal:
			if everyOutage() {
				restart("target in seal", target)
			}
		case e.Kind == report.Started && e.Phase == report.PhaseSwap:
			restart("target in swap", target)
		case e.Kind == report.Started && e.Phase == report.PhaseCatchUp:
			// what is caught up with: the application writes while its server is there
			_ = app.Close(t.Context())
			if app, err = pgx.Connect(t.Context(), s.pg); err != nil {
				t.Error(err)
				return
			}
			for i := range 30 {
				sql, _ := change(rng, i)
				if _, err := app.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Error(err)
				}
			}
		}
	}
	rec, err := r.Run(t.Context())
	if startErr := starting.Wait(); startErr != nil {
		t.Fatal(startErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("outages %+v, undone %d, phases %+v", rec.Outages, rec.Undone, rec.Phases)
	want := int64(4)
	if everyOutage() {
		want = 5
	}
	if kills.Load() != want || rec.Status != report.Completed || !strings.Contains(rec.Generation, s.alias) {
		t.Errorf("%d kills: %+v", kills.Load(), rec)
	}
	if app, err = pgx.Connect(t.Context(), s.pg); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close(context.WithoutCancel(t.Context())) }()
	s.equal(app, rec.Generation, -1)
}
