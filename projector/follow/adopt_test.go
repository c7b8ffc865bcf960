package follow

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// adopt makes what the alias serves right, or the generation that is named.
func (s *stage) adopt(run, generation string, writer projector.Writer, change ...func(*projector.Rebuild)) (projector.Record, error) {
	s.t.Helper()
	store, err := s.open(run)
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.of(run, &projector.Live{Checkpoint: store, Writer: writer})
	r.Adopt = &projector.Adopt{Generation: generation, Guard: projector.Guard{MaxDelete: 1000, MaxStale: 1000}, Settle: 1}
	for _, c := range change {
		c(r)
	}
	rec, err := r.Run(s.t.Context())
	if closing := store.Close(); closing != nil {
		s.t.Error(closing)
	}
	return rec, err
}

// spoil puts documents into what serves that no source has, takes some away, alters others.
func (s *stage) spoil() {
	s.t.Helper()
	for i, id := range []string{"7", "8", "9", "none", "no number"} {
		body := fmt.Sprintf(`{"spoilt":%d}`, i)
		if i == 0 {
			body = ""
		}
		if err := s.target.Put(id, body); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stage) survey() sinks.Survey {
	s.t.Helper()
	survey, err := s.target.Survey(context.WithoutCancel(s.t.Context()))
	if err != nil {
		s.t.Fatal(err)
	}
	return survey
}

// Whatever was lost, what the alias serves is made right and is followed from there.
func TestAdoptedIsFollowed(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(s *stage){
		"a gap":                    func(s *stage) { s.live.Skip("r1") },
		"the state folder":         func(s *stage) { s.fs = newStage(s.t).fs },
		"nothing":                  func(*stage) {},
		"documents":                (*stage).spoil,
		"the capture of a rebuild": func(s *stage) { s.rebuild("r2", projector.WriterFreeze) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.write(1, 100)
			s.rebuild("r1", projector.WriterFollow)
			served := s.survey().Live()
			lose(s)
			if name == "the capture of a rebuild" {
				served = s.survey().Live()
			}
			s.write(2, 100)
			s.spoil()
			rec, err := s.adopt("a1", "", projector.WriterFollow)
			if err != nil {
				t.Fatal(err)
			}
			if !s.equal("") || rec.Generation != served || s.survey().Live() != served || rec.Status != report.Completed {
				t.Errorf("the index differs, or another one serves: %+v", rec)
			}
			g, _ := s.survey().Find(served)
			if v := g.Meta.Verified; g.Meta.State != sinks.Live || g.Meta.Run != "a1" || v == nil || v.Differs() || v.Repaired == 0 || v.Level != string(verify.Full) {
				t.Errorf("meta %+v verified %+v", g.Meta, v)
			}
			err = s.until(s.follow(), func() error { s.write(3, 100); return nil }, func(report.Event) bool { return s.equal("") })
			if err != nil || !s.equal("") {
				t.Errorf("not followed from there: %v", err)
			}
		})
	}
}

// Changes that are made while it compares, and an application that writes them to the alias:
// with writer: freeze and handover documents are written only if they still are as they were.
func TestAdoptUnderWriters(t *testing.T) {
	t.Parallel()
	for _, writer := range []projector.Writer{projector.WriterFollow, projector.WriterFreeze, projector.WriterHandover} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprint(writer, seed), func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				s.write(seed, 200)
				s.rebuild("r1", writer)
				s.spoil()
				s.write(seed+100, 100) // nobody captures it
				n := 0
				application := func() { // a change, and its document where the application writes it
					n++
					id := fmt.Sprint(n % 60)
					change := sourcetest.Change{ID: id, Row: &sourcetest.Row{Group: "g", Value: fmt.Sprint("during ", n)}}
					if n%7 == 0 {
						change.Row = nil
					}
					s.live.Commit(change)
					if writer != projector.WriterFollow {
						if err := s.target.Put(id, s.live.Documents()[id]); err != nil {
							t.Error(err)
						}
					}
				}
				rec, err := s.adopt("a1", "", writer, func(r *projector.Rebuild) {
					r.Observe = func(e report.Event) {
						if n < 100 {
							application()
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if !s.equal("") && writer != projector.WriterFollow || rec.Status != report.Completed || n == 0 {
					t.Errorf("%d changes: the index differs: %+v", n, rec)
				}
				if writer != projector.WriterFollow {
					return
				}
				err = s.until(s.follow(), func() error { return nil }, func(report.Event) bool { return s.equal("") })
				if err != nil || !s.equal("") {
					t.Errorf("not followed from there: %v", err)
				}
			})
		}
	}
}

// A generation that does not serve is made right first, and then swapped in.
func TestAdoptedGenerationIsSwappedIn(t *testing.T) {
	t.Parallel()
	for _, writer := range []projector.Writer{projector.WriterFollow, projector.WriterFreeze, projector.WriterHandover} {
		t.Run(string(writer), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.write(1, 100)
			s.rebuild("r1", writer)
			old := s.survey().Live()
			s.rebuild("r2", writer)
			s.write(2, 100)
			rec, err := s.adopt("a1", old, writer)
			if err != nil || rec.Generation != old || s.survey().Live() != old || !s.equal(old) {
				t.Fatalf("%v: %s serves, to be %s; %+v", err, s.survey().Live(), old, rec)
			}
			g, _ := s.survey().Find(old)
			if g.Meta.State != sinks.Live || g.Meta.Verified == nil {
				t.Errorf("meta %+v", g.Meta)
			}
		})
	}
}

// What a broken source would ask for is refused, and nothing was written; what cannot be made
// right is refused before anything is captured.
func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 200)
	s.rebuild("r1", projector.WriterFollow)
	before := s.survey()
	for id := range s.live.Documents() {
		s.live.Commit(sourcetest.Change{ID: id})
	}
	guarded := func(r *projector.Rebuild) { r.Adopt.Guard = projector.Guard{MaxDelete: -1, MaxStale: -1} }
	_, err := s.adopt("a1", "", projector.WriterFollow, guarded)
	var refusal *problem.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Remedy, "humpty follow orders --adopt --max-delete") {
		t.Fatal(err)
	}
	g, _ := s.survey().Find(before.Live())
	if was, _ := before.Find(before.Live()); g.Meta.Verified == nil || g.Meta.State != was.Meta.State || g.Documents != was.Documents {
		t.Errorf("it is not as it was: %+v", g)
	}
	for name, c := range map[string]struct {
		change func(*projector.Rebuild)
		want   string
	}{
		"another definition": {func(r *projector.Rebuild) { r.Projection.Hash = "other" }, "--new-definition"},
		"no such generation": {func(r *projector.Rebuild) { r.Adopt.Generation = "orders-none" }, "orders-none is not a generation"},
		"a snapshot":         {func(r *projector.Rebuild) { r.Live = nil }, "humpty repair orders"},
	} {
		_, err := s.adopt("refused", "", projector.WriterFollow, c.change)
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.adopt("a2", "", projector.WriterFollow, func(r *projector.Rebuild) { r.Projection.Hash = "other"; r.Adopt.Redefined = true }); err != nil {
		t.Fatal(err)
	}
	if g, _ := s.survey().Find(before.Live()); g.Meta.Definition != "other" || !s.equal("") {
		t.Errorf("definition %s", g.Meta.Definition)
	}
}

// shorterLog is a source whose log begins later, or is another one, than a generation was made of.
type shorterLog struct {
	*sourcetest.LiveSource
	begins sources.Position
	lost   error
}

func (s shorterLog) Plan(ctx context.Context) (sources.Plan, error) {
	plan, err := s.LiveSource.Plan(ctx)
	plan.Starts = map[string]sources.LogStart{"events/0": {Begins: s.begins, Read: s.begins}}
	return plan, err
}

// CheckPositions implements sources.PositionChecker.
func (s shorterLog) CheckPositions(context.Context, map[string]sources.Position) (string, error) {
	return "", s.lost
}

// Topics that were cut since a generation was made of them would take documents out of it that are
// right: an adoption refuses them before it writes or captures anything. The same log is adopted.
func TestAdoptRefusesTopicsThatWereCut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 50)
	s.rebuild("r1", projector.WriterFollow)
	g, _ := s.survey().Find(s.survey().Live())
	g.Meta.Starts, g.Meta.Positions = map[string]string{"events/0": "3"}, map[string]string{"events/0": "90"}
	index, err := s.target.Open(t.Context(), g.Name)
	if err == nil {
		err = index.Note(t.Context(), g.Meta)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.spoil()
	before := s.survey()
	for want, log := range map[string]shorterLog{
		"partition events/0 begins at offset 5 now": {begins: "5"},
		"the topics are not those that " + g.Name:   {begins: "3", lost: &sources.ErrChangesLost{Why: "it was made again"}},
	} {
		log.LiveSource = s.live
		_, err := s.adopt("cut", "", projector.WriterFollow, func(r *projector.Rebuild) { r.Source = log })
		var refusal *problem.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) || !strings.HasSuffix(refusal.Remedy, "humpty rebuild orders") {
			t.Errorf("%s: %v", want, err)
		}
		if is, _ := s.survey().Find(g.Name); !reflect.DeepEqual(is, generationOf(before, g.Name)) || s.equal("") {
			t.Errorf("%s: something was written: %+v", want, is)
		}
	}
	if _, err := s.adopt("same", "", projector.WriterFollow, func(r *projector.Rebuild) { r.Source = shorterLog{LiveSource: s.live, begins: "3"} }); err != nil || !s.equal("") {
		t.Errorf("the same log: %v", err)
	}
}

// Nothing serves, and the source has lost most of its documents since a generation was loaded: the
// number that the generation had is what is left to compare with.
func TestAdoptedGenerationThatShrinks(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 200)
	store, err := s.open("r1")
	if err != nil {
		t.Fatal(err)
	}
	r := s.of("r1", &projector.Live{Checkpoint: store, Writer: projector.WriterFollow})
	r.NoSwap = true
	rec, err := r.Run(t.Context())
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	had := len(s.live.Documents())
	for id := range s.live.Documents() {
		if len(s.live.Documents()) > had/2 {
			s.live.Commit(sourcetest.Change{ID: id})
		}
	}
	for _, run := range []string{"a1", "a2"} { // again, it is held against what it had at first
		_, err = s.adopt(run, rec.Generation, projector.WriterFollow)
		var refusal *problem.Refusal
		if want := "the index itself, before it was made right, "; !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf(" %d: ", had)) {
			t.Errorf("%s: %v, want %s", run, err, want)
		}
	}
	if live := s.survey().Live(); live != "" {
		t.Errorf("%s serves", live)
	}
}

func generationOf(s sinks.Survey, name string) sinks.Generation {
	g, _ := s.Find(name)
	return g
}

// An adoption that was cut off at any event is resumed, by its own run or by another one.
func TestAdoptIsResumed(t *testing.T) {
	t.Parallel()
	for at := range 12 {
		t.Run(fmt.Sprint("event ", at), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.write(1, 100)
			s.rebuild("r1", projector.WriterFollow)
			s.spoil()
			s.write(2, 100)
			ctx, cancel := context.WithCancel(t.Context())
			store, err := s.open("a1")
			if err != nil {
				t.Fatal(err)
			}
			r := s.of("a1", &projector.Live{Checkpoint: store, Writer: projector.WriterFollow})
			r.Adopt = &projector.Adopt{Guard: projector.Guard{MaxDelete: 1000, MaxStale: 1000}}
			n := 0
			r.Observe = func(report.Event) {
				if n++; n == at {
					cancel()
				}
			}
			rec, err := r.Run(ctx)
			cancel()
			if closing := store.Close(); closing != nil {
				t.Fatal(closing)
			}
			s.write(3, 50)
			if err != nil && rec.Resumable {
				_, err = s.adopt("a1", "", projector.WriterFollow, func(r *projector.Rebuild) { r.Live.Resume = true })
			} else {
				_, err = s.adopt("a2", "", projector.WriterFollow)
			}
			var gap *sources.ErrChangesLost
			if err != nil || errors.As(err, &gap) || !s.equal("") {
				t.Errorf("%v; %+v", err, rec)
			}
		})
	}
}
