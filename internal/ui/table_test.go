package ui

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"humpty/projector/report"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := NewTable(Options{Out: &out, Interval: time.Hour}, []Row{{Name: "orders", Documents: 1000}, {Name: "customers"}, {Name: "parcels", Documents: 500}})
	table.Run(func() {
		table.Begin(0)
		table.Observe(0, report.Event{Kind: report.Started, Phase: report.PhaseLoad, At: time.Now()})
		table.Observe(0, report.Event{Kind: report.Progress, Phase: report.PhaseLoad, Done: 750, Total: 1000})
		if got := table.Status(); !strings.Contains(got, "all: 0 of 3 over, 750 of about 1,500 documents, ETA not known (no measure of all phases of orders, customers, parcels)") || !strings.Contains(got, "orders: load: 75%") {
			t.Errorf("%s", got)
		}
		table.Observe(0, report.Event{Kind: report.Notice, Text: "first\nsecond"})
		table.End(0, "failed")
		table.Begin(1)
		table.End(1, "completed")
		if got := table.Status(); !strings.Contains(got, "2 of 3 over (1 of them failed)") {
			t.Errorf("%s", got)
		}
	})
	for _, want := range []string{"orders     begins", "orders     first\n           second", "orders     failed after", "all        2 of 3 over"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing %q in\n%s", want, out.String())
		}
	}
}

func TestTableOfBars(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := NewTable(Options{Out: &out, Bars: true}, []Row{{Name: "orders", Documents: 1000}})
	table.Run(func() {
		table.Begin(0)
		table.Say(0, "a line above")
		table.End(0, "completed")
	})
	if !strings.Contains(out.String(), "a line above") || !strings.Contains(out.String(), "completed") {
		t.Errorf("%q", out.String())
	}
}

// The time to go is that of the longest chain of those that take turns: what runs by its own
// forecast, what waits by its last run, or else as the others do.
func TestETAOfAll(t *testing.T) {
	t.Parallel()
	now := time.Now()
	table := NewTable(Options{Out: io.Discard}, []Row{
		{Name: "orders", Documents: 1000},
		{Name: "customers", Documents: 500, After: []int{0}},
		{Name: "parcels", Documents: 100, EarlierPace: report.Pace{Documents: 50, Seconds: map[report.Phase]float64{report.PhaseLoad: 4, report.PhasePlan: 1}}},
	})
	want := func(at time.Time, text string) {
		t.Helper()
		if got := table.etaText(at); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
	want(now, "ETA over 9.0s until all aliases serve (no measure of all phases of orders, customers)")
	table.rows[0].started = now
	table.Observe(0, report.Event{Kind: report.Started, Phase: report.PhaseLoad, At: now.Add(10 * time.Second), ETA: &report.ETA{Seconds: 30}})
	want(now.Add(10*time.Second), "ETA 50.0s until all aliases serve") // 30 and, of 40 for 1000, 20 for 500
	table.rows[0].outcome, table.rows[0].elapsed, table.rows[0].loaded = "completed", 50*time.Second, 1000
	want(now.Add(50*time.Second), "ETA 25.0s until all aliases serve")
	table.rows[1].outcome, table.rows[2].outcome = "failed", "completed"
	want(now.Add(60*time.Second), "ETA 0.0s until all aliases serve")
}
