package null_test

import (
	"sync"
	"testing"

	"humpty/sinks"
	"humpty/sinks/null"
	"humpty/sinks/sinktest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	var targets sync.Map
	sinktest.Run(t, sinktest.Harness{
		KeepsNothing: true,
		NoMapping:    true,
		Target: func(t *testing.T) (sinks.Target, string) {
			target := null.New(t.Name())
			targets.Store(t.Name(), target)
			return target, t.Name()
		},
		Another: func(_ *testing.T, alias string) sinks.Target {
			target, _ := targets.Load(alias)
			return target.(sinks.Target)
		},
	})
}

func TestCounts(t *testing.T) {
	t.Parallel()
	index, err := null.New("a").Create(t.Context(), sinks.Generation{Name: "a-1"})
	if err != nil {
		t.Fatal(err)
	}
	docs := []sinks.Document{{ID: []byte("1"), Body: []byte("{}")}, {ID: []byte("22")}}
	if _, err := index.Write(t.Context(), docs, make([]sinks.Verdict, 2)); err != nil {
		t.Fatal(err)
	}
	if x := index.(*null.Index); x.Documents.Load() != 2 || x.Bytes.Load() != 5 {
		t.Errorf("%d documents, %d bytes, want 2 and 5", x.Documents.Load(), x.Bytes.Load())
	}
}
