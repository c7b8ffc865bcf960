package projector_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"humpty/projector"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources/sourcetest"
)

// toggling is a live source with 2,100 rows, some of which go through so many states, and on to the
// next one behind each lookup: with two states, two readings often say the same.
func toggling(rows, groups int, states int64) *sourcetest.LiveSource {
	source := sourcetest.NewLiveSource()
	for i := range 2100 {
		group := "g"
		if i < groups {
			group = fmt.Sprint("g", i)
		}
		source.Commit(sourcetest.Change{ID: fmt.Sprint("row ", i), Row: &sourcetest.Row{Group: group, Value: "at rest"}})
	}
	var n atomic.Int64
	source.OnLookup = func([]string) {
		state := fmt.Sprint("state ", n.Add(1)%states)
		for i := range rows {
			row := &sourcetest.Row{Group: "g", Value: state}
			if i%2 == 0 && state == "state 0" {
				row = nil
			}
			source.Commit(sourcetest.Change{ID: fmt.Sprint("row ", 1000+i), Row: row})
		}
		for i := range groups {
			source.Commit(sourcetest.Change{Group: fmt.Sprint("g", i), Value: state})
		}
	}
	return source
}

// TestTogglingRowsPassTheGate: what changes to and fro is no difference, in rows and in includes,
// up to one document in a thousand; what a stranger wrote beside it is found.
func TestTogglingRowsPassTheGate(t *testing.T) {
	t.Parallel()
	for _, stranger := range []bool{false, true} {
		for rows, groups := range map[int]int{2: 0, 0: 2, 1: 1} {
			t.Run(fmt.Sprint(rows, " rows, ", groups, " groups, stranger ", stranger), func(t *testing.T) {
				t.Parallel()
				source, target := toggling(rows, groups, 2), &sinktest.MemoryTarget{Name: "orders"}
				rebuild := liveRebuild(t, source, target, projector.WriterFreeze)
				rebuild.Observe = func(e report.Event) {
					if e.Kind == report.Started && e.Phase == report.PhaseCatchUp {
						source.OnLookup(nil) // it begins
					}
					if !stranger || e.Kind != report.Started || e.Phase != report.PhaseVerify {
						return
					}
					if err := writeAsStranger(t.Context(), target); err != nil {
						t.Error(err)
					}
				}
				record, err := rebuild.Run(t.Context())
				var differs *verify.Differs
				if stranger {
					if !errors.As(err, &differs) || differs.Stale != 1 || differs.Missing+differs.Extra != 0 || differs.First[0].ID != "row 500" {
						t.Fatal(err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				v := record.Verified
				if v.Level != "full" || v.Asked != "" || v.Differs() || v.Moving+v.Moved == 0 || v.Moving > int64(rows+groups) || len(v.MovingIDs) != int(v.Moving) {
					t.Errorf("%+v", v)
				}
				source.OnLookup = nil
				equalAtRest(t, source, target)
			})
		}
	}
}

// writeAsStranger changes one letter of a document of the only generation there is.
func writeAsStranger(ctx context.Context, target *sinktest.MemoryTarget) error {
	survey, err := target.Survey(ctx)
	if err != nil {
		return err
	}
	index, err := target.Open(ctx, survey.Generations[0].Name)
	if err == nil {
		err = index.(sinks.WriterFence).BeginWriter(ctx, "application") //nolint:forcetypeassert // of the fake
	}
	if err != nil {
		return err
	}
	found := make([]sinks.Found, 1)
	key := []sinks.Key{{ID: []byte("row 500")}}
	if err := index.(sinks.Getter).Get(ctx, key, found); err != nil {
		return err
	}
	d := sinks.Document{ID: key[0].ID, Version: found[0].Version + 1, Body: []byte(strings.Replace(string(found[0].Body), "rest", "resT", 1))}
	_, err = index.Write(ctx, []sinks.Document{d}, make([]sinks.Verdict, 1))
	return err
}

// equalAtRest makes a generation of what is there now, and compares it whole.
func equalAtRest(t *testing.T, source *sourcetest.LiveSource, target *sinktest.MemoryTarget) {
	t.Helper()
	again := liveRebuild(t, source, target, projector.WriterFreeze)
	again.Owner.Run = "at rest"
	if record, err := again.Run(t.Context()); err != nil || record.Verified.Moving != 0 || record.Verified.Level != "full" {
		t.Errorf("%v, %+v", err, record.Verified)
	}
	if !maps.Equal(documentsOf(t, target), source.Documents()) {
		t.Error("at rest the index differs")
	}
}

// TestTooMuchMovesForAFullComparison: the swap is done, and nothing calls it verified full.
func TestTooMuchMovesForAFullComparison(t *testing.T) {
	t.Parallel()
	source, target := toggling(12, 0, 1<<40), &sinktest.MemoryTarget{Name: "orders"}
	rebuild := liveRebuild(t, source, target, projector.WriterFreeze)
	rebuild.Observe = func(e report.Event) {
		if e.Kind == report.Started && e.Phase == report.PhaseCatchUp {
			source.OnLookup(nil)
		}
	}
	record, err := rebuild.Run(t.Context())
	if err != nil || record.Status != report.Completed {
		t.Fatal(err, record.Status)
	}
	survey, err := target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	live, _ := survey.Find(survey.Live())
	for what, v := range map[string]*sinks.Verification{"record": record.Verified, "meta": live.Meta.Verified} {
		if v == nil || v.Level != "partial" || v.Asked != "full" || v.Moving != 12 || len(v.MovingIDs) != 10 || !strings.Contains(v.Why, "12 of ") || v.Sum != "" {
			t.Errorf("%s: %+v", what, v)
		}
	}
	if !slices.ContainsFunc(record.Notices, func(n string) bool { return strings.Contains(n, "verified by level partial, not full: 12 of ") }) {
		t.Errorf("notices %q", record.Notices)
	}
}

// TestVerifyOfWhatNeverRests: nothing differs, but that is not said of what could not be compared.
func TestVerifyOfWhatNeverRests(t *testing.T) {
	t.Parallel()
	source, target := toggling(0, 0, 2), &sinktest.MemoryTarget{Name: "orders"}
	source.OnLookup = nil
	made, err := liveRebuild(t, source, target, projector.WriterFreeze).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	index, err := target.Open(t.Context(), made.Generation)
	if err == nil {
		err = index.(sinks.WriterFence).BeginWriter(t.Context(), "application") //nolint:forcetypeassert // of the fake
	}
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	moving := 3
	move := func() {
		for i := range moving {
			d := sinks.Document{ID: fmt.Append(nil, "row ", i), Version: 1<<60 + n.Add(1), Body: fmt.Appendf(nil, `{"n":%d}`, n.Load())}
			if _, err := index.Write(t.Context(), []sinks.Document{d}, make([]sinks.Verdict, 1)); err != nil {
				t.Error(err)
			}
		}
	}
	move()
	source.OnLookup = func([]string) { move() }
	check := repair.Verify{Projection: projection(), Source: source, Target: target, Owner: sinks.Owner{Run: "verify"}, Settle: 4 * time.Millisecond}
	result, err := check.Run(t.Context())
	var restless *repair.Restless
	if !errors.As(err, &restless) || restless.Moving != 3 || restless.Documents != 2100 || len(restless.First) != 3 || !strings.Contains(err.Error(), "humpty verify orders --generation "+made.Generation) {
		t.Fatalf("%v, %+v", err, result.Verified.Verification)
	}
	moving = 2
	source.OnLookup = nil
	for i := range 3 {
		d := sinks.Document{ID: fmt.Append(nil, "row ", i), Version: 1<<61 + int64(i), Body: []byte(source.Documents()[fmt.Sprint("row ", i)])}
		if _, err := index.Write(t.Context(), []sinks.Document{d}, make([]sinks.Verdict, 1)); err != nil {
			t.Fatal(err)
		}
	}
	n.Store(1 << 60)
	source.OnLookup = func([]string) { move() }
	move()
	if result, err = check.Run(t.Context()); err != nil || result.Verified.Moving != 2 || result.Verified.Level != "full" {
		t.Errorf("%v, %+v", err, result.Verified.Verification)
	}
}
