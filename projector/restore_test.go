package projector_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"humpty/projector/repair"
	"humpty/sinks"
	"humpty/sources"
)

func (s *stage) restore() *repair.Restore {
	return &repair.Restore{Repair: *s.repair(""), Repository: "backup", Snapshot: "one"}
}

func TestRestoreBringsBackAndRepairs(t *testing.T) {
	t.Parallel()
	s := setup(t, 400)
	live := s.run(t).Generation
	saved, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil)
	if err != nil || saved.Generation != live {
		t.Fatalf("%v, %+v", err, saved)
	}
	s.source.Put(record(7, "changed since"))
	s.source.Put(record(400, "new since"))
	s.source.Records = slices.DeleteFunc(s.source.Records, func(r sources.Record) bool { return string(r.Key) == "9" })
	s.target.Lose(live)

	finding, err := s.restore().Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if finding.Verified.Missing != 1 || finding.Verified.Stale != 1 || finding.Verified.Extra != 1 || finding.Repair.Written != 2 || finding.Repair.Deleted != 1 {
		t.Errorf("%+v, %+v", finding.Verified.Verification, finding.Repair)
	}
	s.serves(t, finding.Generation)
	if m := s.state(t, finding.Generation); m.State != sinks.Live || m.Verified == nil || m.Verified.Repaired != 3 || m.Epoch <= 1 {
		t.Errorf("meta %+v", m)
	}
}

func TestRestoreThatFailsLeavesTheAlias(t *testing.T) {
	t.Parallel()
	s := setup(t, 400)
	live := s.run(t).Generation
	if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
		t.Fatal(err)
	}
	whole := s.source.Records
	s.source.Records = nil
	finding, err := s.restore().Run(t.Context())
	refusal(t, err, "400 of the 400 documents")
	s.source.Records = whole
	s.serves(t, live)
	if m := s.state(t, finding.Generation); m.State != sinks.Failed || !strings.Contains(m.Reason, "Nothing was written") || m.Verified != nil {
		t.Errorf("meta %+v", m)
	}

	other := s.restore()
	other.Projection.Hash = "another"
	if _, err := other.Run(t.Context()); err != nil {
		t.Errorf("an index without a hash was refused: %v", err)
	}
}

// What the snapshot brings back was repaired by a source that has lost most of its rows.
func TestRestoreThatShrinks(t *testing.T) {
	t.Parallel()
	s := setup(t, 400)
	live := s.run(t).Generation
	if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
		t.Fatal(err)
	}
	s.source.Records = s.source.Records[:210]
	r := s.restore()
	r.MaxDelete = 200
	finding, err := r.Run(t.Context())
	refusal(t, err, "has 210 documents, and alias orders serves 400: 47.5% fewer", "humpty swap orders --to "+finding.Generation+" --max-shrink 48%")
	if survey := surveyed(t, s); survey.Live() != live {
		t.Errorf("the alias serves %s, not %s", survey.Live(), live)
	}
	r = s.restore()
	r.MaxDelete, r.Projection.Limits.MaxShrink = 200, 0.5
	if finding, err = r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.serves(t, finding.Generation)
}

// The index is lost, with all generations: what the snapshot had is what is left to compare with.
func TestRestoreThatShrinksWhereNothingServes(t *testing.T) {
	t.Parallel()
	s := setup(t, 400)
	live := s.run(t).Generation
	if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
		t.Fatal(err)
	}
	s.target.Lose(live)
	s.source.Records = s.source.Records[:210]
	r := s.restore()
	r.MaxDelete = 200
	finding, err := r.Run(t.Context())
	refusal(t, err, "has 210 documents, and the index itself, before it was made right, was verified with 400: 47.5% fewer", "humpty swap orders --to "+finding.Generation+" --max-shrink 48%")
	if survey := surveyed(t, s); len(survey.Serving) > 0 {
		t.Errorf("the alias serves %v", survey.Serving)
	}
	_, err = s.manage().Swap(t.Context(), finding.Generation, "", false)
	refusal(t, err, "has 210 documents, and had, when it served last, 400: 47.5% fewer", "--max-shrink 48%")
	m := s.manage()
	m.MaxShrink = 0.48
	if _, err := m.Swap(t.Context(), finding.Generation, "", false); err != nil {
		t.Errorf("the command that was printed: %v", err)
	}
}

func TestSnapshotDemandsVerification(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	_, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil)
	refusal(t, err, "--generation NAME")
	s.source.Put(sources.Record{Key: []byte("x"), Value: []byte("{")})
	failed, _ := s.rebuild().Run(t.Context())
	_, err = s.manage().Snapshot(t.Context(), "backup", "one", failed.Generation, false, nil)
	refusal(t, err, "was not verified", "humpty repair orders --generation "+failed.Generation, "--unverified")
	if _, err = s.manage().Snapshot(t.Context(), "backup", "one", failed.Generation, true, nil); err != nil {
		t.Error(err)
	}
}

func TestRestoreOfAnotherDefinitionIsRefused(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	r := s.rebuild()
	r.Projection.Hash = "old"
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
		t.Fatal(err)
	}
	_, err := s.restore().Run(t.Context())
	refusal(t, err, "another definition", "humpty rebuild orders")
}

func TestRecoverRecommendsTheQuickestWay(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	way := func(want ...string) {
		t.Helper()
		var snapshot *sinks.Snapshot
		if saved, err := s.target.Saved(t.Context(), "backup", "one"); err == nil {
			snapshot = &saved
		}
		recovery, err := repair.Recover(t.Context(), s.rebuild(), snapshot)
		var names []string
		for _, w := range recovery.Options {
			if w.Not == "" {
				names = append(names, w.Name)
			}
		}
		if err != nil || !slices.Equal(names, want) || recovery.Recommended != want[0] {
			t.Errorf("%v: %+v, want %v", err, recovery, want)
		}
	}
	way("rebuild")
	live := s.run(t).Generation
	way("repair", "rebuild")
	if _, err := s.manage().Snapshot(t.Context(), "backup", "one", "", false, nil); err != nil {
		t.Fatal(err)
	}
	way("repair", "restore", "rebuild")
	s.drift(t, live, rand.New(rand.NewPCG(1, 1)), 1)
	s.target.Lose(live)
	way("restore", "rebuild")
}
