package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
	"humpty/sources/postgres"
)

const (
	hotRows       = 1000
	hotStatements = 100
)

// Statements that each change the same rows while the load runs: however many they are, a
// round reads a row again once.
func TestHotRowsAreReadOnceARound(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	app, err := pgx.Connect(t.Context(), s.pg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close(context.WithoutCancel(t.Context())) }()
	exec := func(sql string) {
		if _, err := app.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Error(err)
		}
	}
	exec(fmt.Sprintf("create table hot (id int primary key, v int); insert into hot select i, 0 from generate_series(1, %d) i; analyze", hotRows))
	source, err := postgres.New(postgres.Config{DSN: s.pg, MaxConnections: 4, Shape: sources.Shape{
		From: "hot", Columns: []sources.Column{{Expr: "*"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := s.live(source, sinks.Owner{Run: s.run()}, projector.WriterFreeze)
	var began time.Time
	r.Observe = func(e report.Event) {
		switch {
		case e.Kind == report.Started && e.Phase == report.PhaseLoad: // nothing is read before all are committed
			start := time.Now()
			for i := range hotStatements {
				exec(fmt.Sprint("update hot set v = v + 1 + 0 * ", i))
			}
			t.Logf("%d statements of %d rows took %s", hotStatements, hotRows, time.Since(start).Round(time.Millisecond))
		case e.Kind == report.Started && e.Phase == report.PhaseCatchUp:
			began = time.Now()
		case e.Kind == report.Ended && e.Phase == report.PhaseSwap:
			t.Logf("from loaded to swapped: %s", time.Since(began).Round(time.Millisecond))
		}
	}
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, round := range rec.Rounds {
		t.Logf("round %+v", round)
		if round.Reread > hotRows {
			t.Errorf("a round read %d documents again: there are %d", round.Reread, hotRows)
		}
	}
	index, err := s.target.Open(t.Context(), rec.Generation)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	err = index.Scan(t.Context(), 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			if string(d.Body) != fmt.Sprintf(`{"id":%s,"v":%d}`, d.ID, hotStatements) {
				wrong++
			}
		}
		return nil
	})
	if err != nil || wrong > 0 {
		t.Errorf("%d documents are not as they were left: %v", wrong, err)
	}
}
