package join_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"humpty/projector/join"
	"humpty/sources"
)

// The price of a held include: 20,000 documents of about 250 bytes, each with two states of
// about 120 bytes, in memory and on disk.
func BenchmarkHeld(b *testing.B) {
	for _, memory := range []int64{0, 1} {
		b.Run(fmt.Sprintf("memory=%d", memory), func(b *testing.B) {
			const parents = 20_000
			var roots, states []string
			for i := range parents {
				roots = append(roots, line(fmt.Sprint(i), fmt.Sprintf(`{"id":%d,"text":"%s"}`, i, strings.Repeat("x", 220))))
				for n := range 2 {
					states = append(states, line(fmt.Sprint(i, "-", n), fmt.Sprintf(`{"parent":%d,"text":"%s"}`, i, strings.Repeat("y", 90))))
				}
			}
			s := &join.Source{Root: folded(b, 0, roots...), Includes: []join.Include{
				{Name: "states", Parent: [][]string{{"id"}}, Memory: memory, Preload: true, Rows: "rows", From: join.Gather(folded(b, 0, states...), [][]string{{"parent"}}, false, nil)},
			}}
			plan, err := s.Plan(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			view, err := s.Open(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer view.Close(b.Context()) //nolint:errcheck // at the end of the benchmark
			b.ReportAllocs()
			documents := 0
			for b.Loop() {
				batch := &sources.Batch{Limit: 4 << 20}
				for _, p := range plan.Partitions {
					r, err := view.Read(b.Context(), p, "")
					if err != nil {
						b.Fatal(err)
					}
					for {
						batch.Reset()
						if err := r.Next(b.Context(), batch); errors.Is(err, io.EOF) {
							break
						} else if err != nil {
							b.Fatal(err)
						}
						documents += len(batch.Records)
					}
				}
			}
			b.ReportMetric(float64(documents)/b.Elapsed().Seconds(), "documents/s")
		})
	}
}
