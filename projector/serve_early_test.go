package projector_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources/sourcetest"
)

// watch notes what the alias serves at each event of a run.
func watch(t *testing.T, target *sinktest.MemoryTarget) (look func(report.Event), seen func() (partial bool, first int)) {
	partial, first := false, -1
	look = func(e report.Event) {
		if e.Kind != report.Notice {
			return
		}
		survey, err := target.Survey(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Error(err)
		}
		if name := survey.Partial(); name != "" && !partial {
			partial = true
			index, err := target.Open(context.WithoutCancel(t.Context()), name)
			if err != nil {
				t.Error(err)
				return
			}
			_ = index.Scan(context.WithoutCancel(t.Context()), 0, 1, func(docs []sinks.Document) error {
				for _, d := range docs {
					n, err := strconv.Atoi(string(d.ID))
					if err != nil {
						return err
					}
					if first < 0 || n < first {
						first = n
					}
				}
				return nil
			})
		}
	}
	return look, func() (bool, int) { return partial, first }
}

func TestServedEarly(t *testing.T) {
	t.Parallel()
	s := setup(t, 400)
	s.source.Readers = 1
	r := s.rebuild()
	r.ServeEarly = true
	look, seen := watch(t, s.target)
	r.Observe = look
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if partial, first := seen(); !partial || first < 300 {
		t.Errorf("served early: %v, from key %d on: the newest quarter must come first", partial, first)
	}
	s.serves(t, rec.Generation)
	survey, _ := s.target.Survey(t.Context())
	if g, _ := survey.Find(rec.Generation); g.Meta.Partial || survey.Serving[0].WriteIndex != nil || rec.Partial {
		t.Errorf("it is complete, and says %+v", g.Meta)
	}
	r = s.rebuild()
	r.ServeEarly = true
	var refusal *problem.Refusal
	if _, err := r.Run(t.Context()); !errors.As(err, &refusal) {
		t.Errorf("an alias that serves: %v", err)
	}
}

// What the gate does not let through stays partial, and says so; a later run replaces it.
func TestServedEarlyAndWrong(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	s.target.OnScan = func(docs []sinks.Document) []sinks.Document { return docs[1:] }
	r := s.rebuild()
	r.ServeEarly = true
	rec, err := r.Run(t.Context())
	var differs *verify.Differs
	if err == nil || !strings.Contains(err.Error(), "goes on serving "+rec.Generation+", which is partial") || !errors.As(err, &differs) || rec.Status != report.Failed || !rec.Partial {
		t.Fatalf("%v, %+v", err, rec)
	}
	survey, _ := s.target.Survey(t.Context())
	if survey.Partial() != rec.Generation || survey.Live() != "" {
		t.Errorf("the alias serves %+v", survey.Serving)
	}
	s.target.OnScan = nil
	rec = s.run(t)
	if rec.Previous != "" {
		t.Errorf("one goes back to %s, which never was complete", rec.Previous)
	}
	s.serves(t, rec.Generation)
	if survey, _ = s.target.Survey(t.Context()); survey.Serving[0].WriteIndex != nil {
		t.Error("the alias refuses writes")
	}
}

// A live run is served early while its source changes, and is refused for a handover.
func TestServedEarlyUnderWrites(t *testing.T) {
	t.Parallel()
	for _, writer := range []projector.Writer{projector.WriterFreeze, projector.WriterFollow, projector.WriterHandover} {
		source, target := sourcetest.NewLiveSource(), &sinktest.MemoryTarget{Name: "orders"}
		for i := range 200 {
			source.Commit(sourcetest.Change{ID: strconv.Itoa(i), Row: &sourcetest.Row{Group: "g", Value: "before"}})
		}
		r := liveRebuild(t, source, target, writer)
		r.ServeEarly = true
		r.Observe = func(e report.Event) {
			if survey, err := target.Survey(t.Context()); err == nil && survey.Partial() != "" && e.Kind == report.Started {
				source.Commit(sourcetest.Change{ID: "7", Row: &sourcetest.Row{Group: "g", Value: string(e.Phase)}})
			}
		}
		rec, err := r.Run(t.Context())
		var refusal *problem.Refusal
		if writer == projector.WriterHandover {
			if !errors.As(err, &refusal) {
				t.Errorf("a handover: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		survey, _ := target.Survey(t.Context())
		if survey.Live() != rec.Generation || target.Blocked(rec.Generation) {
			t.Errorf("%s: the alias serves %+v", writer, survey.Serving)
		}
		want := source.Documents()
		if got := documentsOf(t, target); len(got) != len(want) || got["7"] != want["7"] {
			t.Errorf("%s: document 7 is %s, not %s", writer, got["7"], want["7"])
		}
	}
}
