package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUpStatusDown(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a real server: run without -short")
	}
	state, err := os.MkdirTemp("/tmp", "devstack-test-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(state, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	program := filepath.Join(t.TempDir(), "devstack")
	run := func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(os.Environ(), "HUMPTY_DEVSTACK="+state)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("go", "build", "-o", program, "."); err != nil {
		t.Fatal(out, err)
	}
	for _, step := range []struct {
		args []string
		says []string
		fail bool
	}{
		{args: []string{"status"}, says: []string{"nothing runs"}},
		{args: []string{"up", "mysql"}, says: []string{`error: unknown server "mysql": use one of [postgres `}, fail: true},
		{args: []string{"up", "postgres"}, says: []string{"starting", "ready", "export DEVSTACK_POSTGRES='postgres://postgres@127.0.0.1:"}},
		{args: []string{"status"}, says: []string{"shared stack of supervisor", "stays until down; clients: 0", "MB, pids ["}},
		{args: []string{"down"}, says: []string{"stopped the shared stack of supervisor"}},
		{args: []string{"status"}, says: []string{"nothing runs"}},
	} {
		out, err := run(program, step.args...)
		if (err != nil) != step.fail {
			t.Errorf("%v: %v: %s", step.args, err, out)
		}
		for _, part := range step.says {
			if !strings.Contains(out, part) {
				t.Errorf("%v does not say %q:\n%s", step.args, part, out)
			}
		}
	}
}

func TestSumProcesses(t *testing.T) {
	t.Parallel()
	out := `    1     0     1  1000
   20     1    20     5
   21     1    20   100
   30    21    30    10
   31    30    31     1
   40     1    40  7777
`
	got := sumProcesses(out, 20)
	slices.Sort(got.pids)
	if want := []int{20, 21, 30, 31}; !slices.Equal(got.pids, want) || got.kib != 116 {
		t.Errorf("got %+v, want pids %v and 116 KiB", got, want)
	}
}
