//go:build unix

package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// built makes the binary; what Go has compiled once comes from its cache.
func built(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a binary: run without -short")
	}
	binary := filepath.Join(t.TempDir(), "humpty")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil { //nolint:gosec // our own
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func code(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1000
	}
	return 0
}

func TestBinary(t *testing.T) {
	t.Parallel()
	binary := built(t)
	for args, want := range map[string]int{"version": 0, "rebuid": 64, "check --config none.yaml": 64, "prune --nope": 64, "help exit-codes": 0} {
		cmd := exec.CommandContext(t.Context(), binary, strings.Fields(args)...) //nolint:gosec // our own
		out, err := cmd.CombinedOutput()
		if code(err) != want || strings.Contains(string(out), "\x1b") {
			t.Errorf("%s: %v\n%q", args, err, out)
		}
	}
}

func TestSignalsOfTheBinary(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	binary := built(t)
	for _, c := range []struct {
		name   string
		second bool // sent before the run could stop in good order
		signal os.Signal
		code   int
	}{
		{"TERM", false, syscall.SIGTERM, 143},
		{"INT, INT", true, os.Interrupt, 130},
	} {
		arrived, release := make(chan struct{}), make(chan struct{})
		s.onFirstBulk(t, func() { close(arrived); <-release })
		cmd := exec.CommandContext(t.Context(), binary, "rebuild", "orders") //nolint:gosec // our own
		cmd.Env = append(os.Environ(), "SHOP_DSN="+s.dsn, "ES="+s.env["ES"], "ALIAS="+s.alias, "HUMPTY_CONFIG="+s.file)
		pipe, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		var said []string
		until := func(prefix string) {
			for lines.Scan() {
				said = append(said, lines.Text())
				if prefix != "" && strings.HasPrefix(lines.Text(), prefix) {
					return
				}
			}
		}
		send := func(signal os.Signal) {
			if err := cmd.Process.Signal(signal); err != nil {
				t.Error(err)
			}
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-arrived
		send(syscall.SIGUSR1)
		until("status    load: ")
		send(c.signal)
		until("stopping  ")
		if c.second {
			send(c.signal)
		} else {
			close(release)
		}
		until("")
		err = cmd.Wait()
		if c.second {
			close(release)
		}
		if code(err) != c.code {
			t.Errorf("%s: %v\n%s", c.name, err, strings.Join(said, "\n"))
		}
		if last := said[len(said)-1]; !c.second && !strings.HasPrefix(last, "next      drop the unfinished generation") {
			t.Errorf("%s: the last line is %s", c.name, last)
		}
		if index, _ := s.serving(t); index != "" {
			t.Errorf("%s: the alias serves %s", c.name, index)
		}
	}
}
