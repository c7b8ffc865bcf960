package load

import (
	"context"
	"testing"
)

func TestBudgetBoundsBatchesInFlight(t *testing.T) {
	t.Parallel()
	account := newBudget(100, fixed(40), 1)
	first, err := account.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := account.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := account.get(ctx); err == nil {
		t.Fatal("a third batch of 40 fits into 100")
	}
	first.Data = make([]byte, 1000)
	account.put(first)
	again, err := account.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cap(again.Data) >= 1000 {
		t.Error("a batch that held one huge document is used again")
	}
}

func TestBudgetHasRoomForWhatMustMove(t *testing.T) {
	t.Parallel()
	account := newBudget(1, fixed(40), 3)
	for range 3 {
		if _, err := account.get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// What may be in flight is obeyed, also where the batches of all readers and writers are more: they
// become smaller.
func TestInFlightIsObeyed(t *testing.T) {
	t.Parallel()
	const asked = 4 << 20
	for inFlight, want := range map[int64]int{256 << 20: asked, 80 << 20: asked, 20 << 20: 1 << 20, 1000: 50, 1: 1} {
		o := Options{InFlight: inFlight, Readers: 4, Writers: 16}
		if got := o.batchSize(asked); got != want {
			t.Errorf("%d in flight: batches of %d, want %d", inFlight, got, want)
		}
	}
}
