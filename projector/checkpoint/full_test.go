package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"humpty/sources"
)

// onFullDisk makes the test's own binary fill a store whose disk is full after a while.
const onFullDisk = "HUMPTY_TEST_FULL_DISK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(onFullDisk); dir != "" {
		fmt.Fprintln(os.Stdout, fill(dir))
	}
	os.Exit(m.Run())
}

// fill records until it fails, and says after each transaction that it is durable.
func fill(dir string) error {
	writes := 0
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind != errorfs.OpFileWrite && op.Kind != errorfs.OpFileSyncData && op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncTo {
			return nil
		}
		if writes++; writes > 60 {
			return &os.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
		}
		return nil
	})
	s, err := Open(dir, Options{
		FS: errorfs.Wrap(vfs.Default, full),
		Fatal: func(err error) {
			fmt.Fprintln(os.Stdout, "FATAL", err)
			os.Exit(1)
		},
	})
	if err != nil {
		return err
	}
	for i := range 1000 {
		if _, err := s.Record([]sources.ChangeSet{{Keys: []sources.DirtyKey{{Key: fmt.Sprint(i)}}, Position: sources.Position(fmt.Sprint(i))}}); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "durable", i)
	}
	return errors.New("the disk was never full")
}

// On a full disk the process ends with the reason, and what was said to be durable is
// there when there is space again.
func TestFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "marks")
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), onFullDisk+"="+dir)
	out, err := cmd.Output()
	said := string(out)
	if err == nil || !strings.Contains(said, "FATAL the state in "+dir+" cannot be written: ") || !strings.Contains(said, "no space left on device") {
		t.Fatalf("%v\n%s", err, said)
	}
	durable := strings.Count(said, "durable ")
	if durable == 0 {
		t.Fatalf("nothing was durable before\n%s", said)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	due, err := s.Due(nil, 2000, nil)
	if err := errors.Join(err, s.Close()); err != nil || len(due) < durable {
		t.Errorf("%d marks are there of %d that were durable (%v)", len(due), durable, err)
	}
}
