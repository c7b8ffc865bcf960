package checkpoint

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestSwapAndTouchedSurviveAPowerLoss(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	if swapped, err := s.Swap.Recorded(); swapped || err != nil {
		t.Fatalf("a new store was swapped: %v, %v", swapped, err)
	}
	if err := s.Swap.Record(); err != nil {
		t.Fatal(err)
	}
	if err := s.Swap.RecordWritten([][]byte{[]byte("b"), []byte("a")}); err != nil {
		t.Fatal(err)
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
	var ids []string
	if err := s.Swap.Written(func(id []byte) { ids = append(ids, string(id)) }); err != nil {
		t.Fatal(err)
	}
	swapped, err := s.Swap.Recorded()
	if err != nil || !swapped || !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("swapped %v, touched %v, %v", swapped, ids, err)
	}
	if got := due(t, s); len(got) != 0 {
		t.Errorf("they are no marks: %v", got)
	}
}
