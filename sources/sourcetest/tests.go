package sourcetest

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sources"
)

const prompt = 10 * time.Second // for what must not wait, on a busy machine

func testPlan(t *testing.T, h Harness) {
	first, second := plan(t, h), plan(t, h)
	if !reflect.DeepEqual(first.Partitions, second.Partitions) {
		t.Errorf("two plans differ:\n%+v\n%+v", first.Partitions, second.Partitions)
	}
	if first.Readers < 1 || len(first.Partitions) == 0 {
		t.Errorf("%d readers, %d partitions", first.Readers, len(first.Partitions))
	}
	seen := map[string]bool{}
	for _, p := range first.Partitions {
		if p.ID == "" || seen[p.ID] || p.Rows < 0 || p.Bytes < 0 {
			t.Errorf("partition %+v: no id of its own, or estimates below zero", p)
		}
		seen[p.ID] = true
	}
	checkLeftovers(t, h)
}

func testEverything(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	sameLines(t, "all partitions", sorted(all(t, v, p.Partitions)), sorted(h.Want))
}

func testResume(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	for _, part := range p.Partitions[:min(3, len(p.Partitions))] {
		steps := read(t, v, part, "")
		sameLines(t, part.ID+" read again", flat(read(t, v, part, "")), flat(steps))
		for i := 0; i < len(steps); i += 1 + len(steps)/5 {
			rest := flat(steps[i+1:])
			sameLines(t, part.ID+" from "+string(steps[i].after), flat(read(t, v, part, steps[i].after)), rest)
		}
	}
	// a later view goes on from the position of an earlier one
	part := p.Partitions[0]
	steps := read(t, v, part, "")
	if err := v.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	v = open(t, h)
	at := len(steps) / 2
	sameLines(t, part.ID+" in another view", flat(read(t, v, part, steps[at].after)), flat(steps[at+1:]))
}

func testLimits(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	part := p.Partitions[0]
	want := flat(read(t, v, part, ""))
	r, err := v.Read(t.Context(), part, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	b := sources.Batch{}
	for n := 0; ; n++ {
		b.Reset()
		b.Limit = []int{1, 100, 1 << 20}[min(n/3, 2)] // one record each, some, then all
		if err := r.Next(t.Context(), &b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		check(t, part, &b)
		for _, rec := range b.Records {
			got = append(got, line(rec))
		}
	}
	sameLines(t, part.ID+" under changing limits", got, want)
	if err := r.Next(t.Context(), &b); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v, want io.EOF", err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func testTogether(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	lines := make([][]string, len(p.Partitions))
	var g errgroup.Group
	g.SetLimit(p.Readers)
	for i, part := range p.Partitions {
		g.Go(func() error {
			lines[i] = flat(read(t, v, part, ""))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	sameLines(t, "partitions read at once", sorted(slices.Concat(lines...)), sorted(h.Want))
}

func testStable(t *testing.T, h Harness) {
	if h.Change == nil {
		t.Skip("this source cannot change")
	}
	p, v := plan(t, h), open(t, h)
	h.Change(t)
	sameLines(t, "after a change", sorted(all(t, v, p.Partitions)), sorted(h.Want))
	later := open(t, h)
	if slices.Equal(sorted(all(t, later, plan(t, h).Partitions)), sorted(h.Want)) {
		t.Error("a later view does not see the change, so the test shows nothing")
	}
}

func testClose(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	r, err := v.Read(t.Context(), p.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	b := sources.Batch{Limit: 1}
	if err := r.Next(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Close(gone); err != nil {
		t.Errorf("close a reader: %v", err)
	}
	if err := v.Close(gone); err != nil {
		t.Errorf("close a view: %v", err)
	}
	checkLeftovers(t, h)
	if _, err := v.Read(t.Context(), p.Partitions[0], ""); err == nil {
		t.Error("a closed view reads")
	}
}

func testCancel(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	part := p.Partitions[0]
	want := flat(read(t, v, part, ""))
	r, err := v.Read(t.Context(), part, "")
	if err != nil {
		t.Fatal(err)
	}
	b := sources.Batch{Limit: 1}
	if err := r.Next(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	at, seen := b.Position, len(b.Records)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for began := time.Now(); ; { // what it holds already it may still give
		b.Reset()
		err := r.Next(ctx, &b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled read says %v", err)
			}
			break
		}
		if time.Since(began) > prompt {
			t.Fatal("a cancelled read goes on")
		}
	}
	if err := r.Close(ctx); err != nil {
		t.Errorf("close a cancelled reader: %v", err)
	}
	if r, err := v.Read(ctx, part, ""); err == nil {
		_ = r.Close(ctx)
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("read with a cancelled context: %v", err)
	}
	sameLines(t, part.ID+" behind a cancelled read", flat(read(t, v, part, at)), want[seen:])
	if err := v.Close(ctx); err != nil {
		t.Errorf("close a view: %v", err)
	}
	checkLeftovers(t, h)
}

func testLookup(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	look, ok := v.(sources.Lookup)
	if !ok {
		t.Skip("this source cannot look keys up")
	}
	if h.Change != nil {
		h.Change(t) // the view does not see it
	}
	var keys [][]byte
	for _, part := range p.Partitions {
		r, err := v.Read(t.Context(), part, "")
		if err != nil {
			t.Fatal(err)
		}
		var b sources.Batch // no limit, never reset: the keys stay valid
		for err = r.Next(t.Context(), &b); err == nil; err = r.Next(t.Context(), &b) {
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			keys = append(keys, rec.Key)
		}
		_ = r.Close(t.Context())
	}
	var b sources.Batch
	want := slices.Clone(h.Want)
	if h.Unknown != nil {
		keys = append(keys, h.Unknown)
		want = append(want, Line(string(h.Unknown), "(deleted)"))
	}
	if err := look.Lookup(t.Context(), keys, &b); err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(b.Records))
	for i, rec := range b.Records {
		got[i] = line(rec)
	}
	sameLines(t, "looked up", sorted(got), sorted(want))
	if !b.Counts.Balanced() {
		t.Errorf("counts do not balance: %+v", b.Counts)
	}
}

func testCount(t *testing.T, h Harness) {
	v := open(t, h)
	counter, ok := v.(sources.Counter)
	if !ok {
		t.Skip("this source cannot count without reading")
	}
	if h.Change != nil {
		h.Change(t) // the view does not see it
	}
	for range 2 {
		if n, err := counter.Count(t.Context()); err != nil || n != int64(len(h.Want)) {
			t.Errorf("%d records, %v; want %d", n, err, len(h.Want))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := counter.Count(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("count with a cancelled context: %v", err)
	}
	checkLeftoversAfter(t, h, v)
}

func checkLeftoversAfter(t *testing.T, h Harness, v sources.View) {
	t.Helper()
	if err := v.Close(t.Context()); err != nil {
		t.Errorf("close the view: %v", err)
	}
	checkLeftovers(t, h)
}
