package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"humpty/projector/observe"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := NewTable(Options{Out: &out, Interval: time.Hour}, []Row{{"orders", 1000}, {"customers", 0}, {"parcels", 500}})
	table.since = time.Now().Add(-10 * time.Second)
	table.Run(func() {
		table.Begin(0)
		table.Observe(0, observe.Event{Kind: observe.Started, Phase: observe.PhaseLoad, At: time.Now()})
		table.Observe(0, observe.Event{Kind: observe.Progress, Phase: observe.PhaseLoad, Done: 750, Total: 1000})
		if got := table.Status(); !strings.Contains(got, "all: 0 of 3 over, 750 of about 1,500 documents, ETA 15.0s") || !strings.Contains(got, "orders: load: 75%") {
			t.Errorf("%s", got)
		}
		table.Observe(0, observe.Event{Kind: observe.Notice, Text: "first\nsecond"})
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
	table := NewTable(Options{Out: &out, Bars: true}, []Row{{"orders", 1000}})
	table.Run(func() {
		table.Begin(0)
		table.Say(0, "a line above")
		table.End(0, "completed")
	})
	if !strings.Contains(out.String(), "a line above") || !strings.Contains(out.String(), "completed") {
		t.Errorf("%q", out.String())
	}
}
