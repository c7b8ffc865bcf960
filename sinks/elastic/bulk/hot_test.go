package bulk

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"humpty/sinks"
)

func documents(n, size int) []sinks.Document {
	docs := make([]sinks.Document, n)
	for i := range docs {
		docs[i] = sinks.Document{ID: []byte(fmt.Sprint(1000000 + i)), Version: 1<<40 + 7, Body: []byte(`{"text":"` + strings.Repeat("a b, ", size/5) + `","n":1}`)}
	}
	return docs
}

func BenchmarkBody(b *testing.B) {
	docs := documents(2400, 1700)
	verdicts := make([]sinks.Verdict, len(docs))
	var a attempt
	a.fill(docs, verdicts, 0, 1<<30, math.MaxInt)
	b.SetBytes(int64(len(a.body)))
	b.ReportAllocs()
	for b.Loop() {
		a.fill(docs, verdicts, 0, 1<<30, math.MaxInt)
	}
}

func BenchmarkAnswer(b *testing.B) {
	answer := []byte(`{"errors":false,"items":[` + strings.TrimSuffix(strings.Repeat(`{"index":{"status":201}},`, 2400), ",") + `]}`)
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	var items []item
	var err error
	for b.Loop() {
		if items, err = parseAnswer(answer, 2400, items); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWriteAllocates keeps the hot path free of garbage.
func TestWriteAllocates(t *testing.T) {
	docs := documents(100, 500)
	verdicts := make([]sinks.Verdict, len(docs))
	answer := []byte(`{"errors":false,"items":[` + strings.TrimSuffix(strings.Repeat(`{"index":{"status":201}},`, 100), ",") + `]}`)
	var a attempt
	run := func() {
		a.fill(docs, verdicts, 0, 1<<20, math.MaxInt)
		var err error
		if a.items, err = parseAnswer(answer, 100, a.items); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 3 {
		t.Errorf("%v allocations for a request of 100 documents", n)
	}
}
