package projector_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/projector"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources/sourcetest"
)

// A generation that has lost more documents than it may stays, verified, and the command that
// lets it serve all the same does so when it is typed.
func TestShrinkIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after int
		limit         generation.MaxShrink
		said          string // empty: it is allowed
		flag          float64
	}{
		"two thousand become one":  {2000, 1, 0, "has 1 documents, and alias orders serves 2000: 99.95% fewer, where 20% is allowed", 1},
		"nearly half of them go":   {4000, 2112, 0, "has 2112 documents, and alias orders serves 4000: 47.2% fewer", 0.48},
		"one more than may":        {1000, 799, 0, "has 799 documents", 0.21},
		"as many as may":           {1000, 800, 0, "", 0},
		"growth":                   {10, 1000, 0, "", 0},
		"none may, one goes":       {100, 99, -1, "where 0% is allowed", 0.01},
		"half may, 40 of 100 go":   {100, 60, 0.5, "", 0},
		"any may, all but one go":  {100, 1, 1, "", 0},
		"one of one may not go up": {1, 1, -1, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, c.before)
			first := s.run(t)
			all := s.source.Records
			if c.after <= len(all) {
				s.source.Records = all[:c.after]
			} else {
				for i := len(all); i < c.after; i++ {
					s.source.Records = append(s.source.Records, record(i, "later"))
				}
			}
			r := s.rebuild()
			r.Projection.Limits.MaxShrink = c.limit
			rec, err := r.Run(t.Context())
			if c.said == "" {
				if err != nil {
					t.Fatal(err)
				}
				s.serves(t, rec.Generation)
				return
			}
			refused := refusal(t, err, c.said, "the generation stays")
			if rec.Status != report.Refused || s.state(t, rec.Generation).State != sinks.Verified {
				t.Errorf("%s; the generation is %s", rec.Status, s.state(t, rec.Generation).State)
			}
			if live := surveyed(t, s).Live(); live != first.Generation {
				t.Errorf("the alias serves %s, not %s", live, first.Generation)
			}
			command := "humpty swap orders --to " + rec.Generation + " --max-shrink "
			if !strings.Contains(refused.Remedy, command) {
				t.Errorf("the remedy lacks %q: %s", command, refused.Remedy)
			}
			m := s.manage()
			if m.MaxShrink = c.limit; c.limit == 0 {
				m.MaxShrink = generation.DefaultMaxShrink
			}
			_, err = m.Swap(t.Context(), rec.Generation, "", false) // the same gate
			refusal(t, err, c.said)
			m = s.manage()
			m.MaxShrink = generation.MaxShrink(c.flag)
			if _, err := m.Swap(t.Context(), rec.Generation, "", false); err != nil {
				t.Fatalf("the command that was printed: %v", err)
			}
			s.serves(t, rec.Generation)
			if _, err := s.manage().Rollback(t.Context(), ""); err != nil { // what was there may come back, whatever its size
				t.Fatal(err)
			}
		})
	}
}

func surveyed(t *testing.T, s *stage) sinks.Survey {
	t.Helper()
	survey, err := s.target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return survey
}

// Where the alias is gone, what it served last says how many documents there were; where
// nothing is on record, that is said.
func TestShrinkWithoutWhatServed(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	first := s.run(t)
	if !slices.ContainsFunc(first.Notices, func(n string) bool { return strings.Contains(n, "is not compared with an earlier one") }) {
		t.Errorf("a first build does not say that there is nothing to compare with: %q", first.Notices)
	}
	for i := range 10 {
		s.source.Records = append(s.source.Records, record(100+i, "later"))
	}
	second := s.run(t)
	s.target.Lose(second.Generation) // with the alias; the first one stays, retired
	s.source.Records = s.source.Records[:1]
	plan, err := s.rebuild().Plan(t.Context())
	if err != nil || plan.Before.Documents != 100 {
		t.Errorf("the plan compares with %+v (%v)", plan.Before, err)
	}
	if !slices.ContainsFunc(plan.Steps, func(s projector.Step) bool { return strings.Contains(s.Text, "fewer than 80 documents") }) {
		t.Errorf("the plan does not tell: %+v", plan.Steps)
	}
	_, err = s.rebuild().Run(t.Context())
	refusal(t, err, "generation "+first.Generation+", which alias orders served, was verified with 100", "99% fewer")

	empty := s.rebuild()
	s.source.Records = nil
	_, err = empty.Run(t.Context())
	refusal(t, err, "has 0 documents", "--max-shrink 100%")
	empty = s.rebuild()
	empty.AllowEmpty = true
	if _, err := empty.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A live run that is refused holds on to its capture: it is resumed with the flag.
func TestShrinkOfALiveRunIsResumed(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	if _, err := l.run(false, nil); err != nil {
		t.Fatal(err)
	}
	l.disk = vfs.NewMem()
	var gone []sourcetest.Change
	for i := range 79 {
		gone = append(gone, sourcetest.Change{ID: fmt.Sprint(i)})
	}
	l.rows.Commit(gone...)
	rec, err := l.run(false, nil)
	r := refusal(t, err, "1 documents", "the generation stays")
	if !strings.Contains(r.Remedy, "humpty resume "+rec.Run+" --max-shrink ") || !rec.Resumable {
		t.Errorf("resumable %v: %s", rec.Resumable, r.Remedy)
	}
	rec, err = l.run(true, func(r *projector.Rebuild) { r.Projection.Limits.MaxShrink = 1 })
	if err != nil || rec.Status != report.Completed {
		t.Fatalf("%s: %v", rec.Status, err)
	}
}

// An operator puts routing on the alias while the run catches up for the last time: what was
// read before is not put back.
func TestAliasThatIsChangedOnTheWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  sinks.Serving
		said string
	}{
		"what can be right is kept": {sinks.Serving{Hidden: new(bool)}, ""},
		"what cannot is refused":    {sinks.Serving{SearchRouting: "7"}, "its routing of searches"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newProcesses(t)
			if _, err := l.run(false, nil); err != nil {
				t.Fatal(err)
			}
			l.writer, l.disk = projector.WriterFreeze, vfs.NewMem()
			l.target = &changedTarget{MemoryTarget: l.memory, set: c.set}
			var set sinks.AliasAction
			l.memory.OnSwap = func(change sinks.AliasChange) error {
				set = change.Added()
				return nil
			}
			_, err := l.run(false, nil)
			if c.said != "" {
				refusal(t, err, c.said, "POST /_aliases")
				return
			}
			if err != nil || set.Hidden == nil {
				t.Errorf("%v: the alias was set as %+v", err, set)
			}
		})
	}
}

// changedTarget has the alias changed by an operator behind the block of what serves.
type changedTarget struct {
	*sinktest.MemoryTarget
	set sinks.Serving
}

func (c *changedTarget) Block(ctx context.Context, index string) error {
	c.Properties = c.set
	return c.MemoryTarget.Block(ctx, index)
}

// twoAliases serves a second index, on which the alias has another filter.
type twoAliases struct {
	*sinktest.MemoryTarget
	filter string
}

func (w *twoAliases) Survey(ctx context.Context) (sinks.Survey, error) {
	s, err := w.MemoryTarget.Survey(ctx)
	if len(s.Serving) == 1 {
		second := s.Serving[0]
		second.Filter = []byte(w.filter)
		s.Serving = append(s.Serving, second)
	}
	return s, err
}

// Which filter a generation gets is not guessed.
func TestAliasesThatAreNotTheSame(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	s.run(t)
	r := s.rebuild()
	r.Target = &twoAliases{s.target, `{"term":{"tenant":7}}`}
	_, err := r.Run(t.Context())
	refusal(t, err, "not the same filter and routing on all indices", "POST /_aliases")
}
