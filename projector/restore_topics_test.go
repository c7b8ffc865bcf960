package projector_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/projector/repair"
	"humpty/sources"
)

// logSource is a source of documents that come from a log, which ends somewhere.
type logSource struct {
	sources.Source
	ends map[string]sources.Position
}

func (l logSource) Open(ctx context.Context) (sources.View, error) {
	v, err := l.Source.Open(ctx)
	return logView{v, l.ends}, err
}

func (logSource) Watch(func(done, total, bytes int64)) {}

type logView struct {
	sources.View
	ends map[string]sources.Position
}

func (v logView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	return v.View.(sources.Lookup).Lookup(ctx, keys, b)
}

func (v logView) EndOffsets() map[string]sources.Position { return v.ends }

// TestRestoreOfTopics: what came behind the positions of the snapshot is told, also that the
// topics are read from their start; topics that were made again are refused, since what they
// do not have any more would be deleted.
func TestRestoreOfTopics(t *testing.T) {
	t.Parallel()
	then := map[string]sources.Position{"parcels/0": "20", "parcels/1": "5"}
	for name, c := range map[string]struct {
		now          map[string]sources.Position
		refused, out string
	}{
		"went on":          {map[string]sources.Position{"parcels/0": "22", "parcels/1": "5", "parcels/2": "9"}, "", "the topics have 2 events behind the positions of "},
		"made again":       {map[string]sources.Position{"parcels/0": "3", "parcels/1": "5"}, "parcels/0 ends at 3, but the index has its events up to 20", ""},
		"fewer partitions": {map[string]sources.Position{"parcels/0": "20"}, "parcels/1 is not there any more", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 100)
			r := s.rebuild()
			r.Source = logSource{s.source, then}
			if _, err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
				t.Fatal(err)
			}
			do := s.restore()
			do.Source = logSource{s.source, c.now}
			finding, err := do.Run(t.Context())
			var refusal *problem.Refusal
			switch {
			case c.refused == "" && (err != nil || !finding.Serving):
				t.Error(err)
			case c.refused != "" && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), c.refused) || finding.Serving):
				t.Errorf("%v, want %q", err, c.refused)
			case !slices.ContainsFunc(finding.Notices, func(n string) bool { return strings.Contains(n, c.out) }):
				t.Errorf("notices %q, want %q", finding.Notices, c.out)
			}
		})
	}
}

// TestRecoveryOfTopicsSaysSo: the estimates do not count on a replay from the positions.
func TestRecoveryOfTopicsSaysSo(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	r := s.rebuild()
	r.Source = logSource{s.source, map[string]sources.Position{"parcels/0": "20"}}
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	recovery, err := repair.Recover(t.Context(), r, nil)
	if err != nil || recovery.Recommended != "repair" || !strings.Contains(recovery.Options[0].Basis, "topics from their start") {
		t.Errorf("%v: %+v", err, recovery)
	}
}
