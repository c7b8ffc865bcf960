package projector_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/projector/repair"
	"humpty/sinks"
	"humpty/sources"
)

// deltaSource is a log that says what came behind positions, or why it cannot.
type deltaSource struct {
	logSource
	came   []sources.Record
	poison int64
	gap    string
	opened *int // views of everything
}

func (l deltaSource) Open(ctx context.Context) (sources.View, error) {
	*l.opened++
	return l.logSource.Open(ctx)
}

func (l deltaSource) CountSince(context.Context, map[string]sources.Position) (int64, int64, error) {
	if l.gap != "" {
		return 0, 0, &sources.ErrChangesLost{Why: l.gap}
	}
	n := int64(len(l.came))
	return n, n, nil
}

func (l deltaSource) OpenSince(_ context.Context, from map[string]sources.Position, _ time.Time) (sources.View, error) {
	if l.gap != "" {
		return nil, &sources.ErrChangesLost{Why: l.gap}
	}
	if from["parcels/0"] != "20" {
		return nil, errors.New("the positions are not those of the snapshot")
	}
	return &deltaView{deltaSource: l, left: l.came}, nil
}

type deltaView struct {
	deltaSource
	left []sources.Record
}

func (v *deltaView) Close(context.Context) error { return nil }

func (v *deltaView) EndOffsets() map[string]sources.Position { return v.ends }

func (v *deltaView) PartitionCounts() map[string]sources.Counts {
	n := int64(len(v.came))
	return map[string]sources.Counts{"parcels/0": {Read: n + v.poison, Used: n, Poison: v.poison}}
}

// Read gives all with the first partition.
func (v *deltaView) Read(_ context.Context, p sources.Partition, _ sources.Position) (sources.Reader, error) {
	r := &deltaReader{}
	if strings.HasSuffix(p.ID, "0") {
		r.left = v.came
	}
	return r, nil
}

type deltaReader struct{ left []sources.Record }

func (r *deltaReader) Close(context.Context) error { return nil }

func (r *deltaReader) Next(_ context.Context, b *sources.Batch) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	b.Records, r.left = append(b.Records, r.left...), nil
	return nil
}

// TestRestoreGoesOn: what came since is written and the rest proven by its sum, without a
// view of everything; where it cannot be, everything is compared, and the finding says why.
func TestRestoreGoesOn(t *testing.T) {
	t.Parallel()
	changed, added, gone := record(7, "changed since"), record(400, "new since"), sources.Record{Key: []byte("9"), Deleted: true}
	came := []sources.Record{changed, added, gone, record(11, "first"), {Key: []byte("401"), Deleted: true}}
	for name, c := range map[string]struct {
		do     func(s *stage, live string, l *deltaSource, r *repair.Restore)
		not    string // why it did not go on
		err    string
		opened int
	}{
		"proven":   {},
		"gap":      {do: func(_ *stage, _ string, l *deltaSource, _ *repair.Restore) { l.gap = "retention has passed it" }, not: "retention has passed it", opened: 1},
		"as asked": {do: func(_ *stage, _ string, _ *deltaSource, r *repair.Restore) { r.Whole = true }, not: "as asked", opened: 1},
		"ignore": {do: func(_ *stage, _ string, _ *deltaSource, r *repair.Restore) {
			r.Projection.Verify.Ignore = []string{"x"}
		}, opened: 0},
		"not told of": {do: func(_ *stage, _ string, l *deltaSource, _ *repair.Restore) { l.came = l.came[1:] }, opened: 0},
		"poison":      {do: func(_ *stage, _ string, l *deltaSource, _ *repair.Restore) { l.poison = 1 }, err: "1 events could not be read or applied (limit 0)"},
		"deletes": {
			do: func(s *stage, _ string, l *deltaSource, _ *repair.Restore) {
				for i := range 40 {
					l.came = append(l.came, sources.Record{Key: record(20+i, "").Key, Deleted: true})
				}
			}, err: "at most 10 may be deleted",
		},
		"rejected": {
			do: func(_ *stage, _ string, l *deltaSource, _ *repair.Restore) {
				l.came = append(l.came, sources.Record{Key: []byte("13"), Reject: "its state cannot be written"})
			}, err: "its state cannot be written",
		},
		"allowed, but stale": {
			do: func(_ *stage, _ string, l *deltaSource, r *repair.Restore) {
				l.came = append(l.came, sources.Record{Key: []byte("13"), Reject: "its state cannot be written"})
				r.Projection.Limits.Rejections = 1
			}, err: "document 13: stale",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 400)
			ends, opened := map[string]sources.Position{"parcels/0": "20"}, 0
			first := s.rebuild()
			first.Source = logSource{s.source, ends}
			record, err := first.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			live := record.Generation
			if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
				t.Fatal(err)
			}
			s.source.Put(changed)
			s.source.Put(added)
			s.source.Records = slices.DeleteFunc(s.source.Records, func(r sources.Record) bool { return string(r.Key) == "9" })
			l := deltaSource{logSource: logSource{s.source, map[string]sources.Position{"parcels/0": "25"}}, came: slices.Clone(came), opened: &opened}
			do := s.restore()
			if c.do != nil {
				c.do(s, live, &l, do)
			}
			do.Source = l
			finding, err := do.Run(t.Context())
			d := finding.Delta
			switch {
			case d == nil || d.From["parcels/0"] != "20":
				t.Fatalf("%v, %+v", err, d)
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) || finding.Serving || s.state(t, finding.Generation).State != sinks.Failed {
					t.Errorf("%v, want %q; %+v", err, c.err, s.state(t, finding.Generation))
				}
				if survey, err := s.target.Survey(t.Context()); err != nil || survey.Live() != live {
					t.Errorf("%v: the alias serves %s", err, survey.Live())
				}
			case name == "not told of": // the sum is that of the log, whatever it is
				if err != nil || d.Not != "" || d.Written != 1 {
					t.Errorf("%v, %+v", err, d)
				}
			case err != nil || !strings.Contains(d.Not, c.not) || opened != c.opened:
				t.Errorf("%v, %+v, everything was read %d times", err, d, opened)
			case d.Not == "" && (d.Keys != 5 || d.Written != 2 || d.Deleted != 1 || d.Same != 2 || finding.Repair != nil || finding.Verified.Rests == "" || d.To["parcels/0"] != "25"):
				t.Errorf("%+v, %+v", d, finding.Verified)
			default:
				s.serves(t, finding.Generation)
				if m := s.state(t, finding.Generation); m.State != sinks.Live || m.Verified == nil || m.Verified.Repaired != 3 || m.Positions["parcels/0"] != "25" || m.Epoch <= 1 || d.Not == "" && m.Verified.Sum == "" {
					t.Errorf("meta %+v, %+v", m, m.Verified)
				}
			}
		})
	}
}

// TestRestoreOfWhatWasWrittenTo: a document that is not as it was verified spoils the sum;
// everything is compared, and it is put right.
func TestRestoreOfWhatWasWrittenTo(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	ends, opened := map[string]sources.Position{"parcels/0": "20"}, 0
	first := s.rebuild()
	first.Source = logSource{s.source, ends}
	record, err := first.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, record.Generation, "17", `{"id":17,"note":"another"}`)
	if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
		t.Fatal(err)
	}
	do := s.restore()
	do.Source = deltaSource{logSource: logSource{s.source, ends}, opened: &opened}
	finding, err := do.Run(t.Context())
	if err != nil || !strings.Contains(finding.Delta.Not, "does not add up") || finding.Repair == nil || finding.Repair.Written != 1 || opened != 1 || !finding.Serving {
		t.Fatalf("%v, %+v, %+v, everything was read %d times", err, finding.Delta, finding.Repair, opened)
	}
	if !slices.ContainsFunc(finding.Notices, func(n string) bool { return strings.Contains(n, "does not add up") }) {
		t.Errorf("notices %q", finding.Notices)
	}
}

// TestRecoveryCountsOnTheDelta: the estimate of a restore is of the events behind the
// positions, or says why it is not.
func TestRecoveryCountsOnTheDelta(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	opened := 0
	l := deltaSource{logSource: logSource{s.source, map[string]sources.Position{"parcels/0": "20"}}, opened: &opened, came: []sources.Record{record(1, "x")}}
	r := s.rebuild()
	r.Source = l
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	saved, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	basis := func(gap string) string {
		t.Helper()
		l.gap = gap
		r.Source = l
		recovery, err := repair.Recover(t.Context(), r, &saved)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(recovery.Options, func(w repair.Option) bool { return w.Name == "restore" })
		return recovery.Options[i].Basis
	}
	if got := basis(""); !strings.Contains(got, "about 1 events behind its positions (1 to be read)") {
		t.Error(got)
	}
	if got := basis("retention has passed it"); !strings.Contains(got, "topics from their start: retention has passed it") {
		t.Error(got)
	}
	saved.Meta.Verified.Sum = ""
	if got := basis(""); !strings.Contains(got, "written to since it was verified") {
		t.Error(got)
	}
}
