package verify_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"humpty/projector/verify"
	"humpty/sources"
)

// toggler is a source some of whose documents change to and fro. Whenever one is looked up it is in
// the state that the index does not have, and each catch-up ends with the index in the other
// one: every reading says the same, and no document ever rests.
type toggler struct {
	*stage
	sources.Source
	ids    []string
	exists bool // the states are "there" and "not there", else two bodies
	open   int  // views so far
}

const here, there = "here", "there"

// Open lets the documents toggle, but for the first view: that one is read by a pass.
func (g *toggler) Open(ctx context.Context) (sources.View, error) {
	g.open++
	for _, id := range g.ids {
		g.source.Put(sources.Record{Key: []byte(id), Value: g.body(id, here)})
	}
	return g.Source.Open(ctx)
}

func (g *toggler) body(id, state string) []byte {
	if state == there && g.exists {
		return nil
	}
	return fmt.Appendf(nil, `{"id":%s,"note":%q}`, id, state)
}

// catchUp writes both states, as two rounds would.
func (g *toggler) catchUp(t *testing.T, tell bool) func(context.Context, func([][]byte)) error {
	return func(_ context.Context, written func([][]byte)) error {
		for _, state := range []string{here, there} {
			for _, id := range g.ids {
				g.write(t, id, "", g.body(id, state))
				if tell {
					written([][]byte{[]byte(id)})
				}
			}
		}
		return nil
	}
}

func newToggler(t *testing.T, documents, toggling int, exists bool) *toggler {
	t.Helper()
	s := setup(t, documents)
	g := &toggler{stage: s, Source: s.source, exists: exists}
	for i := range toggling {
		id := fmt.Sprint(100*i + 51)
		g.ids = append(g.ids, id)
		g.write(t, id, "", g.body(id, there))
	}
	return g
}

// TestTogglingDocumentsAreNoDifferences: what shows the same at each reading, though it changed in
// between, is named as moving; what a stranger wrote among it is found.
func TestTogglingDocumentsAreNoDifferences(t *testing.T) {
	t.Parallel()
	for name, exists := range map[string]bool{"two bodies": false, "there and not there": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newToggler(t, 4000, 4, exists)
				g.write(t, "152", "", body(152, "firsT"))
				g.write(t, "252", "", nil)
				c := g.check(t)
				c.Source, c.Static, c.CatchUp = g, false, g.catchUp(t, true)
				report, found, err := run(t, &c)
				if want := map[string]verify.Kind{"152": verify.Stale, "252": verify.Missing}; err != nil || !maps.Equal(found, want) {
					t.Fatalf("%v, found %v, want %v", err, found, want)
				}
				if report.Level != "full" || report.Asked != "" || report.Moving != 4 || !slices.Equal(report.MovingIDs, []string{"151", "251", "351", "51"}) && len(report.MovingIDs) != 4 {
					t.Errorf("%+v", report.Verification)
				}
			})
		})
	}
}

// TestTooManyMovingDocumentsAreNoFullComparison: one in a thousand may move, one more may not.
func TestTooManyMovingDocumentsAreNoFullComparison(t *testing.T) {
	t.Parallel()
	for _, moving := range []int{4, 5, 12} {
		synctest.Test(t, func(t *testing.T) {
			g := newToggler(t, 4000, moving, false)
			c := g.check(t)
			c.Source, c.Static, c.CatchUp = g, false, g.catchUp(t, true)
			report, found, err := run(t, &c)
			if err != nil || len(found) > 0 || report.Moving != int64(moving) || len(report.MovingIDs) != min(moving, 10) {
				t.Fatalf("%v, %v, %+v", err, found, report.Verification)
			}
			if moving <= 4 {
				if report.Level != "full" || report.Why != "" || !report.Everything() {
					t.Errorf("%+v", report.Verification)
				}
				return
			}
			why := fmt.Sprintf("%d of 4000 documents changed each time", moving)
			if report.Level != "partial" || report.Asked != "full" || !strings.Contains(report.Why, why) || !strings.HasPrefix(report.Shortfall(), "verified by level partial, not full: ") {
				t.Errorf("%+v", report.Verification)
			}
		})
	}
}

// TestSampleWithMovingDocuments: what was not compared proves nothing.
func TestSampleWithMovingDocuments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newToggler(t, 3000, 30, false)
		c := g.check(t)
		c.Source, c.Static, c.CatchUp, c.Level = g, false, g.catchUp(t, true), verify.Sample
		report, err := c.With(verify.Break{Sample: 2500}).Run(t.Context())
		if err != nil || report.Differs() || report.Level != "partial" || report.Asked != "sample" || report.Proves != "" || report.Moving < 20 || report.Everything() {
			t.Errorf("%v, %+v", err, report.Verification)
		}
	})
}

// TestTogglingUnderOthersWrites: of an index that others write to, the numbers of its writes say
// that a document was written in between.
func TestTogglingUnderOthersWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newToggler(t, 2000, 2, false)
		g.write(t, "152", "", body(152, "firsT"))
		c := g.check(t)
		c.Source, c.Static, c.Exact = g, false, false
		busy, stop := context.WithCancel(t.Context())
		others := g.catchUp(t, false)
		done := make(chan struct{})
		go func() {
			tick := time.NewTicker(700 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					_ = others(busy, nil)
				case <-busy.Done():
					close(done)
					return
				}
			}
		}()
		began := time.Now()
		report, found, err := run(t, &c)
		stop()
		<-done
		if err != nil || !maps.Equal(found, map[string]verify.Kind{"152": verify.Stale}) || report.Moving != 2 || report.Level != "full" {
			t.Errorf("%v, %v, %+v", err, found, report.Verification)
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// TestDocumentThatIsAwayAtTheEnds: an index without the document says nothing of what was in
// between; readings in between do.
func TestDocumentThatIsAwayAtTheEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setup(t, 2000)
		s.write(t, "152", "", nil) // for good
		s.write(t, "153", "", nil)
		time.AfterFunc(2*time.Second, func() { s.write(t, "153", "", body(153, "first")) })
		time.AfterFunc(4*time.Second, func() { s.write(t, "153", "", nil) })
		c := s.check(t)
		c.Static, c.Exact = false, false
		if report, found, err := run(t, &c); err != nil || !maps.Equal(found, map[string]verify.Kind{"152": verify.Missing}) || report.Moved != 1 {
			t.Errorf("%v, %v, %+v", err, found, report.Verification)
		}
	})
}
