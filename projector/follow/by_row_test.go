package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources/sourcetest"
)

// versioned is an application that writes its rows to the index with the versions that they have,
// each some time after its commit. A deletion waits for the answers to what was written before.
type versioned struct {
	*stage
	rng *rand.Rand

	mu      sync.Mutex
	last    int64
	newest  map[string]int64 // of a commit, by id; a deletion is one, too
	pending []sinks.Document
	refused int
}

func newVersioned(t *testing.T, seed uint64) *versioned {
	t.Helper()
	a := &versioned{stage: newStage(t), rng: rand.New(rand.NewPCG(seed, 17)), newest: map[string]int64{}}
	a.byRow, a.live.Versioned = true, true
	strays := rand.New(rand.NewPCG(seed, 18))
	a.target.HideInFlight = true
	a.target.LateAttempt = func([]sinks.Document) bool { return strays.IntN(6) == 0 }
	return a
}

// act does something of what an application and its proxy do.
func (a *versioned) act() {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch k := a.rng.IntN(12); {
	case k < 6:
		a.commit(fmt.Sprint(a.rng.IntN(30)), a.rng.IntN(4) == 0)
	case k < 9 && len(a.pending) > 0:
		a.send(a.rng.IntN(len(a.pending)))
	case k < 10:
		a.target.Land(1)
	}
}

func (a *versioned) commit(id string, deletes bool) {
	if deletes {
		for i := 0; i < len(a.pending); {
			if string(a.pending[i].ID) != id || !a.send(i) {
				i++
			}
		}
		for _, d := range a.pending {
			if string(d.ID) == id {
				return // the index is blocked
			}
		}
	}
	a.last++
	d := sinks.Document{ID: []byte(id), Version: a.last, Versioned: true}
	change := sourcetest.Change{ID: id}
	if !deletes {
		change.Row = &sourcetest.Row{Group: "g", Value: fmt.Sprint(a.last), Version: a.last}
	}
	a.live.Commit(change)
	if !deletes {
		d.Body = []byte(a.live.Documents()[id])
	}
	a.newest[id] = a.last
	a.pending = append(a.pending, d)
}

// send writes one document, unless the alias takes none. What is the newest of its row must not be refused.
func (a *versioned) send(i int) bool {
	d := a.pending[i]
	v := a.target.Send(d)
	if v.Outcome == sinks.Undecided {
		return false
	}
	if v.Outcome == sinks.Superseded && a.newest[string(d.ID)] == d.Version {
		a.refused++
	}
	a.pending = append(a.pending[:i:i], a.pending[i+1:]...)
	return true
}

// rest lets everything come to its end.
func (a *versioned) rest() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.pending) > 0 && a.send(a.rng.IntN(len(a.pending))) { // send does it
	}
	a.target.Land(-1)
	if a.rng.IntN(2) == 0 {
		a.target.Restart() // a run would wait a minute for another name of the writer
	}
}

// during acts at moments of a run, so many times at most.
func (a *versioned) during(n int, do func(observe func(report.Event)) error) error {
	var mu sync.Mutex
	act := func() {
		mu.Lock()
		defer mu.Unlock()
		for range 3 {
			if n--; n > 0 {
				a.act()
			}
		}
	}
	a.live.OnLookup = func([]string) { act() }
	defer func() { a.live.OnLookup = nil }()
	return do(func(report.Event) { act() })
}

// spoil alters and takes away documents, with the versions that they have.
func (a *versioned) spoil() {
	a.mu.Lock()
	defer a.mu.Unlock()
	index, err := a.target.Open(a.t.Context(), a.survey().Live())
	if err != nil {
		a.t.Fatal(err)
	}
	var some []sinks.Document
	err = index.Scan(a.t.Context(), 0, 1, func(docs []sinks.Document) error {
		for i, d := range docs[:min(len(docs), 4)] {
			d.Versioned, d.Body = true, []byte(`{"spoilt":true}`)
			if i%2 == 0 {
				d.Body = nil
			}
			some = append(some, d)
		}
		return nil
	})
	for _, d := range some {
		a.target.Send(d)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// generation makes one under the application, and does one of what may come behind it.
func (a *versioned) generation(n int, writer projector.Writer) error {
	run := fmt.Sprint("r", n)
	err := a.during(150, func(observe func(report.Event)) error {
		store, err := a.open(run)
		if err != nil {
			return err
		}
		r := a.of(run, &projector.Live{Checkpoint: store, Writer: writer})
		r.Observe = observe
		rec, err := r.Run(a.t.Context())
		if err == nil && (rec.Status != report.Completed || !rec.Ledger.Balances()) {
			err = fmt.Errorf("record %+v", rec)
		}
		return errors.Join(err, store.Close())
	})
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	switch after := a.rng.IntN(4); {
	case after == 0:
		a.spoil()
		err = a.during(100, func(observe func(report.Event)) error {
			_, err := a.adopt(fmt.Sprint("a", n), "", writer, func(r *projector.Rebuild) { r.Observe = observe })
			return err
		})
	case after == 1:
		a.rest()
		a.spoil()
		r := repair.Repair{
			Verify:    repair.Verify{Projection: a.projection(), Source: a.live, Target: a.target, Owner: sinks.Owner{Run: fmt.Sprint("repair", n)}, Settle: 1},
			MaxDelete: 1000, MaxStale: 1000,
		}
		_, err = r.Run(a.t.Context())
	case writer == projector.WriterFollow:
		err = a.until(a.follow(), func() error {
			for range 100 {
				a.act()
			}
			return nil
		}, func(e report.Event) bool { return e.Lag != nil && e.Lag.Backlog == 0 })
	}
	if err != nil {
		return fmt.Errorf("behind a rebuild: %w", err)
	}
	return nil
}

// The newer version of a row wins, from either writer: over several generations, with late writes of
// the application, deletions among them, and of humpty, the index is the table in the end, and
// the application was never refused what is newest.
func TestVersionsOfRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			a := newVersioned(t, seed)
			for range 40 {
				a.act()
			}
			var modes []projector.Writer
			for n := range 3 {
				writer := []projector.Writer{projector.WriterFollow, projector.WriterFreeze, projector.WriterHandover}[a.rng.IntN(3)]
				modes = append(modes, writer)
				if err := a.generation(n, writer); err != nil {
					t.Fatalf("%v: %v", modes, err)
				}
				a.rest()
				if writer == projector.WriterFollow {
					err := a.until(a.follow(), func() error { return nil }, func(e report.Event) bool { return e.Lag != nil && e.Lag.Backlog == 0 && a.equal("") })
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Fatalf("%v: %v", modes, err)
					}
				}
				if !a.equal("") {
					t.Errorf("%v: the index differs", modes)
				}
				if a.refused > 0 {
					t.Errorf("%v: the application was refused %d writes of what is newest", modes, a.refused)
				}
			}
		})
	}
}

// A version that went back is refused where it is met, kept with one letter, and right again
// when its row has passed what the index has; in a new generation any version is.
func TestVersionsThatWentBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.byRow, s.live.Versioned = true, true
	set := func(id string, version int64) {
		s.live.Commit(sourcetest.Change{ID: id, Row: &sourcetest.Row{Group: "g", Value: fmt.Sprint(version), Version: version}})
	}
	set("again", 9)
	set("back", 9)
	set("zero", 0)
	s.rebuild("r1", projector.WriterFollow)
	if !s.equal("") {
		t.Fatal("the index differs")
	}
	var letters bytes.Buffer
	follow := s.followWith(&letters)
	follow(func() { s.live.Commit(sourcetest.Change{ID: "again"}); set("zero", 1) }, 0)
	follow(func() { set("again", 3); set("back", 3) }, 2)
	text := letters.String()
	if ids := lettersOf(t, text); len(ids) != 2 || strings.Count(text, write.VersionBehind) != 2 ||
		!strings.Contains(text, "version 3, and the index has version 9 already") || !strings.Contains(text, "it remembers of a deleted document") {
		t.Errorf("letters %s", text)
	}
	r := repair.Repair{
		Verify:    repair.Verify{Projection: s.projection(), Source: s.live, Target: s.target, Owner: sinks.Owner{Run: "repair"}, Settle: 1},
		MaxDelete: 1000, MaxStale: 1000,
	}
	r.Projection.Limits.Rejections = 1
	found, err := r.Run(t.Context())
	var many *ledger.TooManyRejections
	if !errors.As(err, &many) || many.Rejected != 2 || found.Repair.Unfixed != 0 || found.Repair.Rejections[0].Type != write.VersionBehind {
		t.Errorf("repair: %v, %+v", err, found.Repair)
	}
	s.target.Restart() // or gc_deletes has passed
	follow(func() { set("again", 4); set("back", 10) }, 0)
	if !s.equal("") {
		t.Error("the index differs")
	}
	set("back", 2)
	s.rebuild("r2", projector.WriterFollow)
	if !s.equal("") {
		t.Error("the new generation differs")
	}
}

// Documents with versions of two kinds are never mixed in one index.
func TestOtherVersionsAreNotMixed(t *testing.T) {
	t.Parallel()
	for _, byRow := range []bool{true, false} {
		s := newStage(t)
		s.byRow, s.live.Versioned = byRow, true
		s.live.Commit(sourcetest.Change{ID: "1", Row: &sourcetest.Row{Group: "g", Value: "x", Version: 7}})
		s.rebuild("r1", projector.WriterHandover)
		s.byRow = !byRow
		_, adopting := s.adopt("a1", "", projector.WriterHandover)
		r := repair.Repair{Verify: repair.Verify{Projection: s.projection(), Source: s.live, Target: s.target, Owner: sinks.Owner{Run: "repair"}, Settle: 1}}
		_, repairing := r.Run(t.Context())
		for _, err := range []error{adopting, repairing} {
			var refusal *problem.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "cannot be mixed in one index") || !strings.Contains(err.Error(), "humpty rebuild orders") {
				t.Errorf("by row %v: %v", byRow, err)
			}
		}
		warnings := generation.CheckVersions(t.Context(), s.target, s.survey(), s.projection().Versions)
		if told := len(warnings) == 1 && strings.Contains(warnings.Error(), "refused with 409 for good"); told != byRow {
			t.Errorf("by row %v: %v", byRow, warnings)
		}
		s.rebuild("r2", projector.WriterHandover)
		if !s.equal("") {
			t.Error("the index differs")
		}
		var told string
		a := generation.Admin{Projection: "orders", Alias: "orders", Target: s.target, Owner: sinks.Owner{Run: "back"}, MaxShrink: 1, Notice: func(text string) { told += text }}
		if _, err := a.Rollback(t.Context(), ""); err != nil || !strings.Contains(told, "with the version of the row") {
			t.Errorf("by row %v: %v, told %s", byRow, err, told)
		}
	}
}
