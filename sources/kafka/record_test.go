package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"humpty/sources"
)

// encode makes a batch as a producer does; offsets are deltas from base.
func encode(base int64, lastDelta int32, attributes int16, producer int64, deltas ...int64) []byte {
	var records []byte
	for _, delta := range deltas {
		body := []byte{0}
		body = binary.AppendVarint(body, delta) // of the time
		body = binary.AppendVarint(body, delta)
		for _, field := range []string{fmt.Sprint("k", delta), fmt.Sprintf("%0240d", delta)} {
			body = append(binary.AppendVarint(body, int64(len(field))), field...)
		}
		body = binary.AppendVarint(body, 1)
		for _, field := range []string{"type", "Placed"} {
			body = append(binary.AppendVarint(body, int64(len(field))), field...)
		}
		records = append(binary.AppendVarint(records, int64(len(body))), body...)
	}
	p := make([]byte, recordsAt, recordsAt+len(records))
	binary.BigEndian.PutUint64(p, uint64(base))
	binary.BigEndian.PutUint32(p[batchLengthAt:], uint32(recordsAt+len(records)-epochAt))
	p[magicAt] = 2
	binary.BigEndian.PutUint16(p[attributesAt:], uint16(attributes))
	binary.BigEndian.PutUint32(p[lastDeltaAt:], uint32(lastDelta))
	binary.BigEndian.PutUint64(p[firstTimeAt:], 1000)
	binary.BigEndian.PutUint64(p[maxTimeAt:], 2000)
	binary.BigEndian.PutUint64(p[producerAt:], uint64(producer))
	binary.BigEndian.PutUint32(p[countAt:], uint32(len(deltas)))
	p = append(p, records...)
	binary.BigEndian.PutUint32(p[crcAt:], crc32.Checksum(p[attributesAt:], castagnoli))
	return p
}

// decode is what the reader does with one answer.
func decode(t testing.TB, data []byte, from, to int64, limit int) ([]int64, int64, error) {
	t.Helper()
	var d decoder
	var offsets []int64
	position := from
	for {
		b, rest, ok, err := cutBatch(data)
		if err != nil || !ok {
			return offsets, position, err
		}
		data = rest
		records, _, err := b.unpack(nil)
		if err != nil {
			return offsets, position, err
		}
		d.open(b, records)
		for first := true; first || d.left > 0; first = false {
			out := &sources.Batch{Limit: limit}
			if position, err = d.fill(out, position, to); err != nil {
				return offsets, position, err
			}
			for _, r := range out.Records {
				offsets = append(offsets, r.Offset)
			}
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	two := append(encode(100, 9, 0, -1, 0, 3, 4), encode(110, 4, 0, -1, 1)...)
	for name, c := range map[string]struct {
		data     []byte
		from, to int64
		want     string
		position int64
	}{
		"all":                       {two, 100, 200, "[100 103 104 111]", 115},
		"from inside of a hole":     {two, 102, 200, "[103 104 111]", 115},
		"fence inside of a batch":   {two, 100, 104, "[100 103]", 104},
		"fence in a compacted tail": {two, 100, 107, "[100 103 104]", 107},
		"an empty batch":            {encode(100, 9, 0, -1), 100, 200, "[]", 110},
		"a part of a batch":         {two[:len(two)-1], 100, 200, "[100 103 104]", 110},
		"a few bytes":               {two[:5], 100, 200, "[]", 100},
	} {
		for _, limit := range []int{0, 1} {
			got, position, err := decode(t, c.data, c.from, c.to, limit)
			if err != nil || fmt.Sprint(got) != c.want || position != c.position {
				t.Errorf("%s: %v, %d, %v; want %s, %d", name, got, position, err, c.want, c.position)
			}
		}
	}
}

func TestDecodeDamage(t *testing.T) {
	t.Parallel()
	good := encode(0, 2, 0, -1, 0, 1, 2)
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 0x55
		got, _, err := decode(t, bad, 0, 10, 0)
		// what the checksum does not cover: base offset, length and epoch
		if at >= magicAt && (!errors.Is(err, errDamaged) && at != magicAt || len(got) > 0) {
			t.Errorf("byte %d changed: %v, %v", at, got, err)
		}
	}
	old := bytes.Clone(good)
	old[magicAt] = 1
	if _, _, err := decode(t, old, 0, 10, 0); err == nil {
		t.Error("an old format was taken")
	}
}

// The real brokers' tests have transactions too; here is each rule by itself.
func TestFilter(t *testing.T) {
	t.Parallel()
	b := func(base int64, producer int64, attributes int16) batch {
		return batch{base: base, next: base + 1, producer: producer, attributes: attributes}
	}
	f := filter{aborted: []abortedTx{{7, 10}, {8, 12}, {7, 20}}}
	for _, c := range []struct {
		batch batch
		drops bool
	}{
		{b(9, 7, transactional), false},  // before it aborts
		{b(10, 7, transactional), true},  // aborted
		{b(11, 8, transactional), false}, // another one
		{b(12, 8, transactional), true},
		{b(13, 7, 0), false},                    // the producer, outside of a transaction
		{b(14, 7, transactional|control), true}, // the end
		{b(15, 7, transactional), false},        // the next one
		{b(16, 8, transactional), true},
		{b(17, 9, control), true}, // of nobody we know
		{b(20, 7, transactional), true},
	} {
		if got := f.skips(&c.batch); got != c.drops {
			t.Errorf("batch at %d: %v", c.batch.base, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(100, 9, 0, -1, 0, 3, 4))
	f.Add(encode(100, 9, 3, -1, 0, 3, 4))
	f.Add(append(encode(0, 0, transactional|control, 5, 0), encode(1, 1, logAppendTime, 5, 0, 1)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		// past the checksum, which no fuzzer guesses
		if size := len(data); size >= recordsAt {
			binary.BigEndian.PutUint32(data[crcAt:], crc32.Checksum(data[attributesAt:], castagnoli))
			binary.BigEndian.PutUint32(data[batchLengthAt:], uint32(size-epochAt))
			data[magicAt] = 2
		}
		offsets, position, err := decode(t, data, 0, 1<<40, 100)
		if err == nil && len(offsets) > 0 && position <= offsets[len(offsets)-1] && offsets[len(offsets)-1] < 1<<40 {
			t.Errorf("offsets %v, then position %d", offsets, position)
		}
	})
}

func FuzzParseFetch(f *testing.F) {
	f.Add(make([]byte, 100))
	f.Fuzz(func(_ *testing.T, data []byte) {
		got, err := parseFetch(data)
		if err == nil {
			nextOffset(got.batches)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var deltas []int64
	for i := range int64(1000) {
		deltas = append(deltas, i)
	}
	data := encode(0, 999, 0, -1, deltas...)
	out := &sources.Batch{Limit: 4 << 20}
	var d decoder
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	events := 0
	for b.Loop() {
		out.Reset()
		batch, _, _, err := cutBatch(data)
		if err != nil {
			b.Fatal(err)
		}
		d.open(batch, batch.records)
		if _, err := d.fill(out, 0, 1000); err != nil {
			b.Fatal(err)
		}
		events += len(out.Records)
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

// A batch that has not what it says of itself is told, whatever its checksum is.
func TestBatchesThatLie(t *testing.T) {
	t.Parallel()
	count := func(p []byte, n uint32) []byte {
		binary.BigEndian.PutUint32(p[countAt:], n)
		binary.BigEndian.PutUint32(p[crcAt:], crc32.Checksum(p[attributesAt:], castagnoli))
		return p
	}
	for name, data := range map[string][]byte{
		"fewer than there are": count(encode(0, 2, 0, 0, 0, 1, 2), 2),
		"none":                 count(encode(0, 2, 0, 0, 0, 1, 2), 0),
		"a negative number":    count(encode(0, 2, 0, 0, 0, 1, 2), 1<<31),
		"backwards":            encode(0, 2, 0, 0, 0, 2, 1),
		"twice":                encode(0, 2, 0, 0, 0, 1, 1),
		"behind its end":       encode(0, 1, 0, 0, 0, 1, 2),
	} {
		if offsets, at, err := decode(t, data, 0, 100, 0); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v, at %d, %v", name, offsets, at, err)
		}
	}
}
