package sourcetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"humpty/sources"
)

const limit = 4 << 10 // of most batches: small, so that there are many

// step is one batch as lines, and the position behind it.
type step struct {
	lines []string
	after sources.Position
}

func plan(t *testing.T, h Harness) sources.Plan {
	t.Helper()
	p, err := h.Source.Plan(t.Context())
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	return p
}

func open(t *testing.T, h Harness) sources.View {
	t.Helper()
	v, err := h.Source.Open(t.Context())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := v.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close the view again: %v", err)
		}
	})
	return v
}

// read reads a partition to its end behind a position, batch by batch.
func read(t *testing.T, v sources.View, p sources.Partition, from sources.Position) []step {
	t.Helper()
	r, err := v.Read(t.Context(), p, from)
	if err != nil {
		t.Fatalf("read %s from %q: %v", p.ID, from, err)
	}
	defer func() {
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("close the reader of %s: %v", p.ID, err)
		}
	}()
	var steps []step
	b := sources.Batch{Limit: limit}
	for {
		b.Reset()
		err := r.Next(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			if len(b.Records) > 0 {
				t.Errorf("%s: records beside io.EOF", p.ID)
			}
			return steps
		}
		if err != nil {
			t.Fatalf("%s: %v", p.ID, err)
		}
		check(t, p, &b)
		s := step{after: b.Position}
		for _, rec := range b.Records {
			s.lines = append(s.lines, line(rec))
		}
		steps = append(steps, s)
	}
}

// check holds one batch against the contract.
func check(t *testing.T, p sources.Partition, b *sources.Batch) {
	t.Helper()
	if !b.Counts.Balanced() {
		t.Errorf("%s: counts do not balance: %+v", p.ID, b.Counts)
	}
	if b.Counts.Used != int64(len(b.Records)) {
		t.Errorf("%s: %d records, but %d used", p.ID, len(b.Records), b.Counts.Used)
	}
	if len(b.Records) == 0 && b.Counts.Read == 0 {
		t.Errorf("%s: a batch with nothing in it", p.ID)
	}
	if b.Position == "" {
		t.Errorf("%s: a batch without a position", p.ID)
	}
	size := 0
	for _, r := range b.Records {
		if size >= b.Limit {
			t.Errorf("%s: a batch goes on behind its limit: %d bytes before its last record", p.ID, size)
		}
		size += len(r.Value)
		if len(r.Key) == 0 || r.Reject != "" && r.Value != nil {
			t.Errorf("%s: a record without a key, or rejected with a value: %q", p.ID, r.Key)
		}
	}
}

func all(t *testing.T, v sources.View, parts []sources.Partition) []string {
	t.Helper()
	var lines []string
	for _, p := range parts {
		lines = append(lines, flat(read(t, v, p, ""))...)
	}
	return lines
}

func flat(steps []step) []string {
	var lines []string
	for _, s := range steps {
		lines = append(lines, s.lines...)
	}
	return lines
}

// sameLines compares two lists of lines, order and all.
func sameLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: record %d is\n%s, want\n%s", what, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d records, want %d", what, len(got), len(want))
	}
}

func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

func checkLeftovers(t *testing.T, h Harness) {
	t.Helper()
	if h.Leftovers == nil {
		return
	}
	if left := h.Leftovers(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
