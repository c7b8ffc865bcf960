package fold_test

import (
	"fmt"
	"runtime"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// TestLittleMemoryIsObeyed: readers bring a quarter of the memory back from disk together, so with
// less of it there are fewer of them.
func TestLittleMemoryIsObeyed(t *testing.T) {
	t.Parallel()
	log := &sourcetest.LogSource{}
	events := make([]sources.Record, 40_000*4)
	for i := range events {
		events[i] = sources.Record{Key: fmt.Append(nil, i), Value: []byte("{}")}
	}
	log.Append(0, events...)
	cores := runtime.GOMAXPROCS(0)
	for memory, want := range map[int64]int{64 << 10: 1, 4 << 20: 1, 8 << 20: min(2, cores), 0: min(16, cores)} {
		s := &fold.Source{Inner: log, Decoder: &decode.JSON{}, New: handlers.NewLatest, Memory: memory, Dir: t.TempDir()}
		plan, err := s.Plan(t.Context())
		if err != nil || plan.Readers != min(want, len(plan.Partitions)) {
			t.Errorf("memory %d: %d readers, want %d, %v", memory, plan.Readers, want, err)
		}
	}
}
