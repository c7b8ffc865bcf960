package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"strconv"
	"testing"

	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// synthetic is a source and an index of n documents that are made while they are read, so
// that what memory is used is the comparison's. One document of the index is another.
type synthetic struct {
	n, odd int
	text   []byte
}

func (s *synthetic) document(b []byte, i int) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `,"text":"`...)
	return append(append(b, s.text...), `"}`...)
}

func (s *synthetic) Plan(context.Context) (sources.Plan, error) {
	p := sources.Plan{Readers: 2}
	for i := range 16 {
		p.Partitions = append(p.Partitions, sources.Partition{ID: strconv.Itoa(i), From: strconv.Itoa(i * s.n / 16), To: strconv.Itoa((i + 1) * s.n / 16)})
	}
	return p, nil
}

func (s *synthetic) Open(context.Context) (sources.View, error) { return s, nil }

func (s *synthetic) Close(context.Context) error { return nil }

func (s *synthetic) Read(_ context.Context, p sources.Partition, _ sources.Position) (sources.Reader, error) {
	from, _ := strconv.Atoi(p.From)
	to, _ := strconv.Atoi(p.To)
	return &syntheticReader{synthetic: s, at: from, to: to}, nil
}

type syntheticReader struct {
	*synthetic
	at, to int
	scrap  []byte
}

func (r *syntheticReader) Next(_ context.Context, b *sources.Batch) error {
	if r.at == r.to {
		return io.EOF
	}
	for ; r.at < r.to && len(b.Records) < 1000; r.at++ {
		r.scrap = r.document(r.scrap[:0], r.at)
		b.Records = append(b.Records, sources.Record{Key: b.Hold(strconv.AppendInt(nil, int64(r.at), 10)), Value: b.Hold(r.scrap)})
	}
	return nil
}

type syntheticIndex struct {
	sinks.Index
	*synthetic
}

func (x syntheticIndex) Count(context.Context) (int64, error) { return int64(x.n), nil }

func (x syntheticIndex) Scan(_ context.Context, part, parts int, fn func([]sinks.Document) error) error {
	docs, bodies := make([]sinks.Document, 1), []byte(nil)
	for i := part; i < x.n; i += parts {
		bodies = x.document(bodies[:0], i)
		if i == x.odd {
			bodies[len(bodies)/2] ^= 1
		}
		docs[0] = sinks.Document{ID: strconv.AppendInt(nil, int64(i), 10), Body: bodies}
		if err := fn(docs); err != nil {
			return err
		}
	}
	return nil
}

// TestOneCharacterInAMillion also bounds the memory: notes are spilled from 1 MB on, and ten
// times the documents take no more than the garbage collector leaves to chance.
func TestOneCharacterInAMillion(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	tenth := oneCharacter(t, n/10)
	if most := oneCharacter(t, n); most > 2*tenth+8<<20 || most > 64<<20 {
		t.Errorf("%d MB of heap for %d documents, %d MB for a tenth of them", most>>20, n, tenth>>20)
	}
}

// oneCharacter finds one changed character among n documents, and says how much heap that
// took at most.
func oneCharacter(t *testing.T, n int) uint64 {
	t.Helper()
	s := &synthetic{n: n, odd: n * 2 / 3, text: bytes.Repeat([]byte("x"), 60)}
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	most := uint64(0)
	scans := 0
	c := verify.Check{
		View: s, Plan: plan, Index: syntheticIndex{synthetic: s}, TempDir: t.TempDir(), Writes: verify.Writes{Static: true},
		Output: verify.Output{Show: 1, Progress: func(documents, _ int64) {
			if scans++; scans%5_000 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}},
	}
	report, found, err := run(t, c.With(verify.Break{Notes: 1 << 20}))
	if want := map[string]verify.Kind{fmt.Sprint(s.odd): verify.Stale}; err != nil || !maps.Equal(found, want) || report.Documents != int64(n) {
		t.Errorf("%v, found %v, want %v", err, found, want)
	}
	t.Logf("%d documents: %d MB of heap at most", n, most>>20)
	if files, _ := os.ReadDir(c.TempDir); len(files) != 0 {
		t.Errorf("left in the folder: %v", files)
	}
	return most
}
