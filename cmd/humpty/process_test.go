//go:build unix

package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"humpty/projector/fold/script"
)

// asHumpty makes the test's own binary be humpty: a real process with real signals and
// exit codes, without another build.
const asHumpty = "HUMPTY_TEST_AS_HUMPTY"

func TestMain(m *testing.M) {
	script.Main()
	if os.Getenv(asHumpty) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is humpty as a process, not yet started.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asHumpty+"=1")
	return cmd
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

func TestProcess(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"version": 0, "rebuid": 64, "check --config none.yaml": 64, "prune --nope": 64, "help exit-codes": 0} {
		cmd := process(t, strings.Fields(args)...)
		out, err := cmd.CombinedOutput()
		if code(err) != want || strings.Contains(string(out), "\x1b") {
			t.Errorf("%s: %v\n%q", args, err, out)
		}
	}
}

func TestSignalsOfAProcess(t *testing.T) {
	t.Parallel()
	s := newShop(t)
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
		cmd := process(t, "rebuild", "orders")
		cmd.Env = append(cmd.Env, "SHOP_DSN="+s.dsn, "ES="+s.env["ES"], "ALIAS="+s.alias, "HUMPTY_CONFIG="+s.file)
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
