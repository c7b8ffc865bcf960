package projector_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

func refusal(t *testing.T, err error, parts ...string) *problem.Refusal {
	t.Helper()
	var r *problem.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("error %v, want a refusal", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("message lacks %q: %v", part, err)
		}
	}
	return r
}

func TestEmptyDoesNotReplaceFull(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	first := s.run(t)
	full := s.source.Records
	s.source.Records = nil
	rec, err := s.rebuild().Run(t.Context())
	refusal(t, err, "is empty", first.Generation, "--allow-empty")
	if rec.Status != report.Refused {
		t.Errorf("status %s, want refused", rec.Status)
	}
	s.source.Records = full
	s.serves(t, first.Generation)

	s.source.Records = nil
	allowed := s.rebuild()
	allowed.AllowEmpty = true
	if _, err := allowed.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatASealGivesUpIsInTheRecord(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	s.target.Degraded = "2 copies have no node"
	if rec := s.run(t); rec.Status != report.Completed || !slices.Contains(rec.Notices, s.target.Degraded) {
		t.Errorf("%s, notices %q", rec.Status, rec.Notices)
	}
}

func TestTrapIsLoadedVerifiedAndRefused(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	s.target.Occupy(3)
	rec, err := s.rebuild().Run(t.Context())
	var trap *sinks.NameConflict
	if !errors.As(err, &trap) {
		t.Fatalf("error %v, want the trap", err)
	}
	refusal(t, err, "3 documents", "humpty swap orders --to "+rec.Generation+" --replace-index orders", "action.auto_create_index", "require_alias")
	if m := s.state(t, rec.Generation); m.State != sinks.Verified {
		t.Fatalf("generation is %s, want verified", m.State)
	}
	if len(rec.Notices) == 0 || !strings.Contains(rec.Notices[0], "action.auto_create_index") {
		t.Errorf("the run did not warn at its start: %q", rec.Notices)
	}

	_, err = s.manage().Swap(t.Context(), rec.Generation, "something-else", false)
	refusal(t, err, "--replace-index")
	if _, err := s.manage().Swap(t.Context(), rec.Generation, "orders", false); err != nil {
		t.Fatal(err)
	}
	s.serves(t, rec.Generation)
}

func TestOneOwner(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	s.target.Steal(sinks.Owner{Run: "theirs", Host: "laptop", PID: 7, Verb: "rebuild"})
	_, err := s.rebuild().Run(t.Context())
	refusal(t, err, "run theirs", "laptop", "pid 7")
	_, err = s.manage().Swap(t.Context(), "", "", false)
	refusal(t, err, "run theirs")
	_, err = s.manage().Prune(t.Context(), []string{"x"})
	refusal(t, err, "run theirs")
}

func TestLostLeaseEndsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setup(t, 100)
		waited := false
		s.source.Fault = func(_ string, at int) error {
			if at == 50 && !waited {
				waited = true
				s.target.Steal(sinks.Owner{Run: "theirs"})
				<-time.After(time.Minute) // of the bubble's clock: long enough for a renewal
			}
			return nil
		}
		_, err := s.rebuild().Run(t.Context())
		var held *sinks.Held
		if !errors.As(err, &held) || !strings.Contains(err.Error(), "lost") {
			t.Fatalf("error %v, want a lost lease", err)
		}
		s.serves(t, "")
	})
}

func TestSwapDemandsVerification(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	first := s.run(t)
	s.source.Put(sources.Record{Key: []byte("x"), Value: []byte("{")})
	failed, err := s.rebuild().Run(t.Context())
	if err == nil {
		t.Fatal("a rejection did not stop the run")
	}
	_, err = s.manage().Swap(t.Context(), failed.Generation, "", false)
	refusal(t, err, "was not verified", "--unverified")
	_, err = s.manage().Swap(t.Context(), "", "", false)
	refusal(t, err, "no verified generation")
	if _, err := s.manage().Swap(t.Context(), "orders-1", "", false); err == nil || !strings.Contains(err.Error(), "not a generation") {
		t.Errorf("error %v", err)
	}
	if _, err := s.manage().Swap(t.Context(), failed.Generation, "", true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.manage().Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if survey, _ := s.target.Survey(t.Context()); survey.Live() != first.Generation {
		t.Errorf("alias serves %s", survey.Live())
	}
}

func TestNoSwapLeavesAVerifiedGeneration(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	r := s.rebuild()
	r.NoSwap = true
	rec, err := r.Run(t.Context())
	if err != nil || rec.Status != report.Verified {
		t.Fatalf("%v, %s", err, rec.Status)
	}
	s.serves(t, "")
	if _, err := s.manage().Swap(t.Context(), "", "", false); err != nil {
		t.Fatal(err)
	}
	s.serves(t, rec.Generation)
}

func TestRollbackNeedsAPrevious(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	_, err := s.manage().Rollback(t.Context(), "")
	refusal(t, err, "--to GENERATION")
	s.run(t)
	_, err = s.manage().Rollback(t.Context(), "")
	refusal(t, err, "humpty status orders")
}

func TestPruneKeepsWhatServesAndWhatIsKept(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	oldest, kept := s.run(t), s.run(t)
	s.source.Put(sources.Record{Key: []byte("x"), Value: []byte("{")})
	failed, _ := s.rebuild().Run(t.Context())
	s.source.Records = s.source.Records[:10]
	live := s.run(t)

	drop, err := s.manage().Prunable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range drop {
		names = append(names, g.Name)
	}
	if strings.Join(names, " ") != oldest.Generation+" "+failed.Generation {
		t.Fatalf("prunable: %v; oldest %s, kept %s, failed %s, live %s", names, oldest.Generation, kept.Generation, failed.Generation, live.Generation)
	}
	gone, err := s.manage().Prune(t.Context(), append(names, live.Generation))
	if err == nil || !strings.Contains(err.Error(), "serves alias") {
		t.Errorf("the live generation was not refused: %v", err)
	}
	if strings.Join(gone, " ") != strings.Join(names, " ") {
		t.Errorf("gone: %v, want %v", gone, names)
	}
	s.serves(t, live.Generation)
}

// What was chosen when the question was asked may be worth keeping when it is answered.
func TestPruneLooksAgain(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	s.run(t)
	s.source.Put(sources.Record{Key: []byte("x"), Value: []byte("{")})
	failed, _ := s.rebuild().Run(t.Context())
	index, err := s.target.Open(t.Context(), failed.Generation)
	if err != nil {
		t.Fatal(err)
	}
	survey, err := s.target.Survey(t.Context())
	g, _ := survey.Find(failed.Generation)
	g.Meta.State, g.Meta.Verified = sinks.Verified, &sinks.Verification{Level: "full"} // somebody repairs it
	if err := errors.Join(err, index.Note(t.Context(), g.Meta)); err != nil {
		t.Fatal(err)
	}
	gone, err := s.manage().Prune(t.Context(), []string{failed.Generation})
	refusal(t, err, "is one to keep meanwhile", "humpty prune orders --dry-run")
	if len(gone) > 0 {
		t.Errorf("gone: %v", gone)
	}
}

func TestPlanChangesNothing(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	for _, want := range []string{"first", "live", "lost"} {
		plan, err := s.rebuild().Plan(t.Context())
		if err != nil || plan.Situation.Kind != want || plan.Source.Rows != 10 || len(plan.Steps) < 5 {
			t.Errorf("plan: %v, %+v, want %s", err, plan, want)
		}
		switch want {
		case "first":
			s.run(t)
		case "live":
			s.run(t)
			s.target.Lose(s.manageLive(t))
		}
	}
}

func (s *stage) manageLive(t *testing.T) string {
	t.Helper()
	survey, _, err := s.manage().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return survey.Live()
}

// Somebody swaps the alias with another tool while a rebuild runs: it is not taken away from
// what they chose, unless they say so. That the old index is deleted stops nobody.
func TestAliasChangedInTheMiddle(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	first, err := l.run(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.disk = vfs.NewMem()
	second, err := l.run(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.disk = vfs.NewMem()
	meddle := func(r *projector.Rebuild) {
		r.Observe = func(e report.Event) {
			if e.Kind == report.Ended && e.Phase == report.PhaseVerify {
				change := sinks.AliasChange{Alias: "orders", To: first.Generation, Actions: []sinks.AliasAction{
					{Verb: "remove", Index: second.Generation, Alias: "orders"}, {Verb: "add", Index: first.Generation, Alias: "orders"},
				}}
				if err := l.memory.Swap(t.Context(), change); err != nil {
					t.Error(err)
				}
			}
		}
	}
	rec, err := l.run(false, meddle)
	var refusal *problem.Refusal
	if !errors.As(err, &refusal) || !rec.Resumable || !strings.Contains(refusal.Why, "somebody else changed alias orders in the meantime: it serves "+first.Generation+", and served "+second.Generation) {
		t.Fatalf("%v: %+v", err, rec)
	}
	if s, err := l.memory.Survey(t.Context()); err != nil || s.Live() != first.Generation {
		t.Fatalf("the alias serves %s: %v", s.Live(), err)
	}
	gone, err := l.run(true, func(r *projector.Rebuild) {
		r.Observe = func(e report.Event) {
			if e.Kind == report.Ended && e.Phase == report.PhaseVerify {
				l.memory.Lose(first.Generation)
			}
		}
	})
	if err != nil || gone.Status != report.Completed || gone.Previous != first.Generation || !strings.Contains(strings.Join(gone.Notices, "\n"), "alias orders was changed since the run began: it served "+second.Generation) {
		t.Errorf("%v: %+v", err, gone)
	}
}
