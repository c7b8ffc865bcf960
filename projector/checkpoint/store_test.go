package checkpoint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/sources"
)

func open(t *testing.T, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open("marks", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fresh(t *testing.T) *Store {
	t.Helper()
	s := open(t, vfs.NewMem())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func record(t *testing.T, s *Store, xid uint64, keys ...string) uint64 {
	t.Helper()
	m := sources.ChangeSet{Xid: xid, Position: sources.Position(fmt.Sprint("at ", xid))}
	for _, k := range keys {
		m.Keys = append(m.Keys, sources.DirtyKey{Key: k})
	}
	seq, err := s.Record([]sources.ChangeSet{m})
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func due(t *testing.T, s *Store) []sources.DirtyKey {
	t.Helper()
	marks, err := s.Due(nil, 1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	return marks
}

func settle(t *testing.T, s *Store, round uint64, saw sources.TxSnapshot, keys ...string) int {
	t.Helper()
	var marks []sources.DirtyKey
	for _, k := range keys {
		marks = append(marks, sources.DirtyKey{Key: k})
	}
	left, err := s.Settle(marks, round, saw)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func saw(before uint64, running ...uint64) sources.TxSnapshot {
	s := sources.TxSnapshot{Min: before, Max: before, Running: running}
	if len(running) > 0 {
		s.Min = running[0]
	}
	return s
}

func TestSettleIsCompareAndDelete(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	record(t, s, 10, "a", "b")
	round := s.BeginRound()
	record(t, s, 11, "a") // between the read and its settling
	if left := settle(t, s, round, saw(20), "a", "b"); left != 1 {
		t.Errorf("%d marks left, want 1", left)
	}
	if got := due(t, s); len(got) != 1 || got[0].Key != "a" {
		t.Errorf("due: %+v", got)
	}
}

func TestSettleDemandsThatTheReadSaw(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	record(t, s, 10, "a")
	record(t, s, 12, "a")
	if left := settle(t, s, s.BeginRound(), saw(15, 12), "a"); left != 1 {
		t.Error("a change of a transaction that was still running for the read was settled")
	}
	if left := settle(t, s, s.BeginRound(), saw(12), "a"); left != 1 {
		t.Error("a change of a transaction that began after the read was settled")
	}
	if left := settle(t, s, s.BeginRound(), saw(13), "a"); left != 0 {
		t.Error("what the read saw was not settled")
	}
}

func TestPassedLooksAtWhatWasBeforeTheFence(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	fence := record(t, s, 10, "a")
	record(t, s, 11, "b")
	passed := func(want bool) {
		t.Helper()
		if got, err := s.Passed(fence); err != nil || got != want {
			t.Errorf("passed: %v, %v, want %v", got, err, want)
		}
	}
	passed(false)
	record(t, s, 12, "a") // a hot row must not hold the fence back for ever
	settle(t, s, fence, saw(20), "a", "b")
	passed(true)
}

// A row changed without end: its mark stays small, a round still settles what was before
// it, and nothing after it.
func TestHotRowStaysSmallAndPasses(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	xid := uint64(100)
	burst := func() {
		for range 1000 {
			xid++
			record(t, s, xid, "hot")
		}
	}
	for range 5 {
		burst()
		round := s.BeginRound()
		reading := saw(xid + 1)
		burst()
		settle(t, s, round, reading, "hot")
		if passed, err := s.Passed(round); err != nil || !passed {
			t.Fatalf("what was before the round is still due: %v", err)
		}
		if len(due(t, s)) != 1 {
			t.Fatal("what came after the round was settled")
		}
		value, err := s.get(encodeKey(sources.DirtyKey{Key: "hot"}))
		if err != nil || len(value) > 24*(spansKept+2) {
			t.Fatalf("the mark has %d bytes, %v", len(value), err)
		}
	}
}

func TestFoldedChangesWaitForEveryTransaction(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	for xid := range uint64(3 * spansKept) {
		record(t, s, 100+xid, "hot")
	}
	if left := settle(t, s, s.BeginRound(), saw(1000, 150), "hot"); left != 1 {
		t.Error("changes were settled although one of them was still running")
	}
	if left := settle(t, s, s.BeginRound(), saw(1000), "hot"); left != 0 {
		t.Error("changes that are all past were not settled")
	}
}

func TestMarksAndPositionSurviveAPowerLoss(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	record(t, s, 10, "a")
	record(t, s, 11, "b")
	var before int64
	for range 10 {
		v, err := s.Version()
		if err != nil {
			t.Fatal(err)
		}
		before = v
	}
	lost := fs.CrashClone(vfs.CrashCloneCfg{}) // nothing but what was synced
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, lost)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got := due(t, s); len(got) != 2 {
		t.Errorf("due after the crash: %+v", got)
	}
	if p, err := s.Position(); err != nil || p != "at 11" {
		t.Errorf("position %q, %v", p, err)
	}
	if v, err := s.Version(); err != nil || v <= before {
		t.Errorf("version %d after %d, %v", v, before, err)
	}
	if seq := record(t, s, 12, "c"); seq != 3 {
		t.Errorf("sequence %d, want 3", seq)
	}
}

func TestMarkKeysComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	want := []sources.DirtyKey{
		{Node: "", All: true},
		{Node: "", Key: ""},
		{Node: "", Key: "\x00\xff"},
		{Node: "customer.nation", All: true},
		{Node: "customer.nation", Key: "7"},
		{Node: "lines", Key: "[1,\"x\"]"},
	}
	if _, err := s.Record([]sources.ChangeSet{{Xid: 1, Keys: want}}); err != nil {
		t.Fatal(err)
	}
	if got := due(t, s); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	var paged []sources.DirtyKey
	for after := (*sources.DirtyKey)(nil); ; {
		page, err := s.Due(after, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		after = &page[len(page)-1]
	}
	if !slices.Equal(paged, want) {
		t.Errorf("in pages: %+v", paged)
	}
	if n, err := s.Backlog(100); err != nil || n != len(want) {
		t.Errorf("backlog %d, %v", n, err)
	}
}

// Random histories against a list of changes: a mark is due exactly while one of its
// changes was not both in the round and seen.
func TestStoreAgainstAPlainList(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := fresh(t)
		type plain struct {
			key      string
			seq, xid uint64
		}
		var list []plain
		seq, xid := uint64(0), uint64(100)
		for range 400 {
			if rng.IntN(3) > 0 {
				key := fmt.Sprint("k", rng.IntN(5))
				xid++
				seq++
				list = append(list, plain{key, seq, xid})
				if got := record(t, s, xid, key); got != seq {
					t.Fatalf("seed %d: sequence %d, want %d", seed, got, seq)
				}
				continue
			}
			round := s.BeginRound()
			running := xid - uint64(rng.IntN(10))
			view := saw(xid+1, running)
			key := fmt.Sprint("k", rng.IntN(5))
			settle(t, s, round, view, key)
			list = slices.DeleteFunc(list, func(c plain) bool {
				return c.key == key && c.seq <= round && view.Sees(c.xid)
			})
			want := map[string]bool{}
			for _, c := range list {
				want[c.key] = true
			}
			got := due(t, s)
			if len(got) != len(want) {
				t.Fatalf("seed %d: due %+v, want %v", seed, got, want)
			}
		}
	}
}

func TestDamageIsAnError(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	if err := s.db.Set(encodeKey(sources.DirtyKey{Key: "x"}), []byte{1}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Due(nil, 1, nil); err == nil {
		t.Error("a damaged mark was taken for good")
	}
	if _, err := Open("/dev/null/marks", Options{}); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("open below a file: %v", err)
	}
}
