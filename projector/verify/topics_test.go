package verify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/join"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// bring makes the index what the source has of some documents, all of them if none is
// named, as an application does that projects it.
func bring(t *testing.T, s sources.Source, index sinks.Index, only ...string) {
	t.Helper()
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := view.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	for _, p := range plan.Partitions {
		r, err := view.Read(t.Context(), p, "")
		if err != nil {
			t.Fatal(err)
		}
		for b := (&sources.Batch{}); ; b.Reset() {
			if err := r.Next(t.Context(), b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			for _, rec := range b.Records {
				if len(only) > 0 && !slices.Contains(only, string(rec.Key)) || rec.Deleted {
					continue
				}
				if _, err := index.Write(t.Context(), []sinks.Document{{ID: rec.Key, Body: rec.Value}}, make([]sinks.Verdict, 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestTopicsUnderLiveWrites: with events at the root, and with events in documents of a
// table, only what stays different is named while events and documents arrive.
func TestTopicsUnderLiveWrites(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"events", "a table"} {
		t.Run(root, func(t *testing.T) {
			t.Parallel()
			log, table := &sourcetest.LogSource{Partitions: 2}, &sourcetest.MemorySource{}
			event := func(key, value string) {
				log.Append(len(key)%2, sources.Record{Key: []byte(key), Value: []byte(value)})
			}
			for i := range 60 {
				key := fmt.Sprint("k", i)
				event(key, fmt.Sprintf(`{"n":%d}`, i))
				table.Records = append(table.Records, sources.Record{Key: []byte(key), Value: fmt.Appendf(nil, `{"order":%d}`, i)})
			}
			folded := &fold.Source{Inner: log, Decoder: &decode.JSON{}, New: handlers.NewLatest, Dir: t.TempDir()}
			var source sources.Source = folded
			if root == "a table" {
				source = &join.Source{Root: table, Includes: []join.Include{{Name: "parcel", One: true, From: folded, Preload: true, Dir: t.TempDir()}}}
			}
			target := &sinktest.MemoryTarget{Name: "parcels"}
			index, err := target.Create(t.Context(), sinks.Generation{Name: "parcels-1"})
			if err != nil {
				t.Fatal(err)
			}
			bring(t, source, index)
			write := func(id, body string) {
				d := sinks.Document{ID: []byte(id)}
				if body != "" {
					d.Body = []byte(body)
				}
				if _, err := index.Write(t.Context(), []sinks.Document{d}, make([]sinks.Verdict, 1)); err != nil {
					t.Fatal(err)
				}
			}
			write("k1", "")
			write("k2", `{"n":"another"}`)
			write("x", `{"n":1}`)
			event("k3", `{"n":"on its way"}`)
			event("k4", `{"n":"hot"}`)

			plan, err := source.Plan(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			waits := 0
			c := verify.Check{Source: source, Plan: plan, Index: index, TempDir: t.TempDir(), Output: verify.Output{Show: 10}, Writes: verify.Writes{CatchUp: func(context.Context, func([][]byte)) error {
				if waits++; waits == 1 {
					bring(t, source, index, "k3")
				}
				event("k4", fmt.Sprintf(`{"n":"hot %d"}`, waits))
				return nil
			}}}
			report, found, err := run(t, &c)
			if want := map[string]verify.Kind{"k1": verify.Missing, "k2": verify.Stale, "x": verify.Extra}; err != nil || !maps.Equal(found, want) {
				t.Fatalf("%v, found %v, want %v", err, found, want)
			}
			if report.Documents != 60 || report.Moved != 1 || !slices.Equal(report.MovingIDs, []string{"k4"}) {
				t.Errorf("%+v", report.Verification)
			}
		})
	}
}
