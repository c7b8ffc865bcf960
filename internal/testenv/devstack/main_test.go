package devstack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The test binary is also the other processes that tests need: with helperEnv
// set it does one of these, says so in one line of JSON, and then waits until
// its standard input ends or it is killed.
const helperEnv = "DEVSTACK_TEST_HELPER"

func TestMain(m *testing.M) {
	job := os.Getenv(helperEnv)
	if job == "" {
		m.Run()
		return
	}
	said, err := help(context.Background(), job)
	if err != nil {
		said.Error = err.Error()
	}
	if json.NewEncoder(os.Stdout).Encode(said) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// said is what a helper says.
type said struct {
	Error     string
	Dir       string
	Addresses Addresses
}

func help(ctx context.Context, job string) (said, error) {
	switch job, arg, _ := strings.Cut(job, " "); job {
	case "lock":
		_, err := lockAny(ctx, arg)
		return said{}, err
	case "share": // and let go as soon as this process ends
		f, err := myFolders()
		if err != nil {
			return said{}, err
		}
		s, err := sharedIn(f)
		if err != nil {
			return said{}, err
		}
		s.linger = time.Millisecond
		_, a, err := s.start(ctx, actStart, []Kind{KindPostgres}, nil)
		return said{Addresses: a}, err
	case "own", "keep":
		s, err := Start(ctx, Options{Servers: []Kind{KindPostgres}, Keep: job == "keep"})
		if err != nil {
			return said{}, err
		}
		return said{Dir: s.Dir(), Addresses: s.Addresses()}, nil
	default:
		return said{}, fmt.Errorf("unknown job %q", job)
	}
}

type helper struct {
	said said
	cmd  *exec.Cmd
	in   io.Closer
}

// newHelper starts a helper and waits until it has said something.
func newHelper(t *testing.T, job string, env ...string) *helper {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &helper{cmd: exec.CommandContext(t.Context(), exe)}
	h.cmd.Env = append(append(os.Environ(), helperEnv+"="+job), env...)
	h.cmd.Stderr = os.Stderr
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("helper %s: %v", job, err)
	}
	if err := json.Unmarshal(line, &h.said); err != nil {
		t.Fatalf("helper %s: %v in %s", job, err, line)
	}
	if h.said.Error != "" {
		t.Fatalf("helper %s: %s", job, h.said.Error)
	}
	return h
}

// leave lets the helper end in order.
func (h *helper) leave(t *testing.T) {
	t.Helper()
	if err := h.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// crash ends it as by kill -9.
func (h *helper) crash(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Wait(); err == nil {
		t.Fatal("the helper survived")
	}
}

// ownState is a state folder of the test's own, with a path short enough for a
// socket.
func ownState(t *testing.T) folders {
	t.Helper()
	f, err := myFolders()
	if err != nil {
		t.Fatal(err)
	}
	if f.state, err = os.MkdirTemp("/tmp", "devstack-test-"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.state, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(f.state); err != nil {
			t.Error(err)
		}
	})
	return f
}

// await asks until ok; a minute is more than anything here takes.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("waited a minute until %s", what)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}
