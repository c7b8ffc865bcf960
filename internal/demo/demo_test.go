package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"humpty/projector/report"
)

func TestTooFewOrders(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Options{Orders: 999, Out: io.Discard})
	if err == nil || err.Error() != "demo: 999 orders are too few to measure anything: use --orders 1000 or more" {
		t.Errorf("Run said %v", err)
	}
}

func TestInterruptedBeforeItBegan(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{Orders: MinOrders, Out: io.Discard}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run said %v", err)
	}
}

func TestClosedPipe(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	_ = r.Close()
	if _, err := Run(t.Context(), Options{Orders: MinOrders, Out: w}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Run said %v", err)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts servers")
	}
	var out, progress bytes.Buffer
	r, err := Run(t.Context(), Options{Orders: 1_000, Seed: 3, Out: &out, Progress: &progress})
	t.Logf("%s\n%s", out.String(), progress.String())
	if err != nil {
		t.Fatal(err)
	}
	if r.Compared == nil || r.Compared.Found < 900 || !r.Compared.Equal() {
		t.Errorf("compared: %+v", r.Compared)
	}
	if r.FirstBuild.Status != report.Completed || r.Rebuild.Status != report.Completed || r.Writes < 200 || r.WritesMeanwhile < 10 {
		t.Errorf("first build %s, rebuild %s, %d writes, %d during the rebuild", r.FirstBuild.Status, r.Rebuild.Status, r.Writes, r.WritesMeanwhile)
	}
	if r.WithoutIndex <= 0 || r.WithoutIndex > r.Seconds || r.Kept != nil {
		t.Errorf("without an index for %.1f s of %.1f s; kept %v", r.WithoutIndex, r.Seconds, r.Kept)
	}
	if len(r.Replays) != 2 || r.Events < 500 {
		t.Fatalf("%d events, replays %+v", r.Events, r.Replays)
	}
	for _, replay := range r.Replays {
		if c := replay.Compared; c == nil || !c.Equal() || c.Found < 50 || replay.Record.Status != report.Completed {
			t.Errorf("%s: %s, compared %+v", replay.Projection, replay.Record.Status, c)
		}
	}
	for _, part := range []string{
		"1,000 orders with", "DELETE /orders-", "404 index_not_found_exception",
		" found: 0 missing, 0 different, 0 extra.", "which never stops writing", "alias parcels → parcels-", "alias deliveries → deliveries-", "documents were written once more for them",
		"Timeline", "rebuild: load", "compare with SQL", "The alias was without an index for",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the story does not say %q", part)
		}
	}
}
