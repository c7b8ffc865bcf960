package devstack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSweepRemovesWhatNobodyHolds(t *testing.T) {
	t.Parallel()
	f := folders{state: t.TempDir()}
	held, lock, err := f.newStack(t.Context(), account{})
	if err != nil {
		t.Fatal(err)
	}
	crashed, free, err := f.newStack(t.Context(), account{})
	if err != nil {
		t.Fatal(err)
	}
	if err := free.unlock(); err != nil {
		t.Fatal(err)
	}
	noLock := filepath.Join(f.state, stackPrefix+"half-made")
	if err := os.Mkdir(noLock, 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, _, err := f.newStack(t.Context(), account{}) // sweeps
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := f.stacks()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{held, fresh}
	slices.Sort(want)
	if slices.Sort(dirs); !slices.Equal(dirs, want) {
		t.Errorf("left %v, want %v (crashed: %s)", dirs, want, crashed)
	}
	if err := lock.unlock(); err != nil {
		t.Error(err)
	}
}

func TestFolderThatTheServersCannotEnter(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := account{name: "nobody", root: true}.canReach(filepath.Join(dir, "in"))
	if err == nil || !strings.Contains(err.Error(), "nobody") || !strings.Contains(err.Error(), "HUMPTY_CACHE") {
		t.Errorf("error %v", err)
	}
}

func TestAccountThatDoesNotExist(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs servers as another account")
	}
	t.Setenv("HUMPTY_USER", "no-such-account")
	if _, err := pickAccount(); err == nil || !strings.Contains(err.Error(), "no-such-account") || !strings.Contains(err.Error(), "HUMPTY_USER") {
		t.Errorf("error %v", err)
	}
}

func TestNameIsValidAndUnique(t *testing.T) {
	t.Parallel()
	t.Run("Ümläut and / a very long name that no server would take as it is", func(t *testing.T) {
		a, b := Name(t), Name(t)
		if a == b {
			t.Errorf("%s twice", a)
		}
		if len(a) > 50 || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || !strings.HasPrefix(a, "testname") {
			t.Errorf("bad name %q", a)
		}
	})
}
