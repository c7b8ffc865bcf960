package fold_test

import (
	"fmt"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/sources/sourcetest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 1 << 20} { // with the second most of it goes to disk
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			t.Parallel()
			sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
				h := &history{partitions: []partition{{id: "a/0"}, {id: "a/1"}}, page: 1000}
				var want []string
				const keys = 2_500 // enough events for more than one partition of documents
				for round := range 8 {
					for i := range keys {
						value := fmt.Sprintf(`{"n":%d,"round":%d}`, i, round)
						h.partitions[i%2].event(int64(round), fmt.Sprint("key", i), value)
						if round == 7 {
							want = append(want, sourcetest.Line(fmt.Sprint("key", i), value))
						}
					}
				}
				return sourcetest.Harness{
					Source: &fold.Source{Inner: h, Decoder: &decode.JSON{}, New: handlers.NewLatest, Memory: memory, Dir: t.TempDir()},
					Want:   want, Unknown: []byte("nobody"),
					Change: func(*testing.T) { h.partitions[0].event(9, "key1", `{"changed":true}`) },
					Leftovers: func(*testing.T) []string {
						if n := h.open.Load(); n != 0 {
							return []string{fmt.Sprint(n, " views of events are open")}
						}
						return nil
					},
				}
			})
		})
	}
}
