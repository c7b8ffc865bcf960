// Package sinktest is what every implementation of sinks.Target must pass. Its [MemoryTarget]
// serves tests of the engine without a server, and can be made to fail in ways that real
// servers cannot be made to; [Faults] spoils the requests to a real one.
package sinktest

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"humpty/sinks"
)

// Harness is the implementation under test, and what it cannot do by nature.
type Harness struct {
	// Target returns a target for an alias that no other test uses, and the alias; called
	// once for each test, also in parallel. What a test leaves behind is its concern.
	Target func(t *testing.T) (target sinks.Target, alias string)

	// Another returns another target for the same alias, as another machine has it.
	Another func(t *testing.T, alias string) sinks.Target

	KeepsNothing bool // keeps no documents: Scan finds none, Count says how many were given, nothing is superseded
	NoMapping    bool // has no mapping that a document could break

	// OccupyName makes a concrete index with one document on the alias's name; nil if there is
	// no such thing.
	OccupyName func(t *testing.T, alias string)
}

// Run runs all of it.
func Run(t *testing.T, u Harness) {
	all := optional()
	maps.Copy(all, map[string]func(*testing.T, Harness){
		"Roundtrip":    roundtrip,
		"Verdicts":     verdicts,
		"Unversioned":  unversioned,
		"Routing":      routing,
		"IDs":          ids,
		"Bodies":       bodies,
		"Invalid":      invalidDocuments,
		"Rejections":   rejections,
		"Large":        large,
		"Concurrent":   concurrent,
		"Cancelled":    cancelled,
		"Empty":        empty,
		"Survey":       survey,
		"Reopen":       reopen,
		"Refusals":     refusals,
		"FirstSwap":    firstSwap,
		"SwapBack":     swapBack,
		"NameConflict": nameConflict,
		"Drop":         drop,
		"Leases":       leases,
		"LeaseRace":    leaseRace,
	})
	for name, test := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, u)
		})
	}
}

// Definition is the index that the suite writes to: n is a long, anything else goes.
const Definition = `{
	"settings": {"number_of_shards": 2, "index": {"number_of_replicas": 0}, "index.refresh_interval": "5s"},
	"mappings": {"_meta": {"owner": "the suite"}, "dynamic": false, "properties": {"n": {"type": "long"}}}
}`

// fixture is one alias with one generation.
type fixture struct {
	sinks.Target
	index sinks.Index
	alias string
	name  string
	meta  sinks.Meta
}

func newFixture(t *testing.T, u Harness) *fixture {
	t.Helper()
	target, alias := u.Target(t)
	f := &fixture{Target: target, alias: alias}
	f.name, f.meta, f.index = f.generation(t, 1)
	return f
}

// generation makes the generation of an epoch.
func (f *fixture) generation(t *testing.T, epoch int64) (string, sinks.Meta, sinks.Index) {
	t.Helper()
	at := time.Date(2026, 11, 24, 5, 0, int(epoch), 0, time.UTC)
	name := f.alias + "-" + at.Format("20060102t150405")
	meta := sinks.Meta{
		Schema: 1, Alias: f.alias, Projection: "suite", Run: fmt.Sprintf("run-%d", epoch), State: sinks.Creating,
		Epoch: epoch, Versions: "class", Definition: "hash", Started: at, Updated: at,
	}
	index, err := f.Create(t.Context(), sinks.Generation{Name: name, Definition: []byte(Definition), Meta: meta})
	must(t, err)
	return name, meta, index
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func doc(id string, version int64, body string) sinks.Document {
	d := sinks.Document{ID: []byte(id), Version: version}
	if body != "" {
		d.Body = []byte(body)
	}
	return d
}

// write writes and returns the verdicts; all must be decided.
func write(t *testing.T, index sinks.Index, docs ...sinks.Document) []sinks.Verdict {
	t.Helper()
	v := make([]sinks.Verdict, len(docs))
	for i := range v {
		v[i] = sinks.Verdict{Outcome: sinks.Rejected, Type: "stale"} // Write must fill every one
	}
	receipt, err := index.Write(t.Context(), docs, v)
	must(t, err)
	if len(docs) > 0 && (receipt.Requests < 1 || receipt.Bytes < 1 || receipt.Took <= 0) {
		t.Errorf("the receipt %+v of %d documents is not filled", receipt, len(docs))
	}
	for i := range v {
		if v[i].Outcome == sinks.Undecided || v[i].Type == "stale" {
			t.Fatalf("document %q has no verdict: %+v", docs[i].ID, v[i])
		}
	}
	return v
}

// expect writes and compares the outcomes.
func expect(t *testing.T, index sinks.Index, d sinks.Document, want sinks.Outcome) {
	t.Helper()
	if v := write(t, index, d)[0]; v.Outcome != want {
		t.Errorf("document %q version %d: outcome %d, want %d (%+v)", d.ID, d.Version, v.Outcome, want, v)
	}
}

// stored is all that an index holds, by id.
func stored(t *testing.T, ctx context.Context, index sinks.Index, parts int) map[string]sinks.Document {
	t.Helper()
	all := map[string]sinks.Document{}
	for part := range parts {
		err := index.Scan(ctx, part, parts, func(docs []sinks.Document) error {
			for _, d := range docs {
				if _, twice := all[string(d.ID)]; twice {
					t.Errorf("document %q came twice", d.ID)
				}
				all[string(d.ID)] = sinks.Document{Version: d.Version, Routing: append([]byte(nil), d.Routing...), Body: append([]byte(nil), d.Body...)}
			}
			return nil
		})
		must(t, err)
	}
	return all
}

// wantDocuments seals and compares all that the index holds with want: bodies by id.
func (f *fixture) wantDocuments(t *testing.T, u Harness, want map[string]string) {
	t.Helper()
	must(t, f.index.Seal(t.Context(), nil))
	if u.KeepsNothing {
		want = nil
	}
	n, err := f.index.Count(t.Context())
	must(t, err)
	if n != int64(len(want)) && !u.KeepsNothing {
		t.Errorf("the index counts %d documents, want %d", n, len(want))
	}
	for _, parts := range []int{1, 2, 3} {
		got := stored(t, t.Context(), f.index, parts)
		if len(got) != len(want) {
			t.Errorf("a scan in %d parts found %d documents, want %d", parts, len(got), len(want))
		}
		for id, body := range want {
			if string(got[id].Body) != body {
				t.Errorf("document %q: %s, want %s", id, got[id].Body, body)
			}
		}
	}
}
