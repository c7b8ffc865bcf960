package rig

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"humpty/projector"
	"humpty/projector/lease"
)

// Command is the program as a process of this shop's, not yet started; it ends with the test.
func (s *Shop) Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(binaryVariable), args...)
	cmd.Env = os.Environ()
	for k, v := range s.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// Answer is what the program printed, and how it ended.
type Answer struct {
	Code     int
	Out, Err string
}

// Run runs the program to its end.
func (s *Shop) Run(t testing.TB, args ...string) Answer {
	t.Helper()
	return End(t, s.Command(t, args...))
}

// End runs a process to its end.
func End(t testing.TB, cmd *exec.Cmd) Answer {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return Answer{Code: Code(t, err), Out: out.String(), Err: errs.String()}
}

// Code is the exit code that the end of a process says; -1 for one that a signal ended.
func Code(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// Want fails the test unless the program ended so and said this.
func (a Answer) Want(t testing.TB, code int, texts ...string) {
	t.Helper()
	wrong := false
	if a.Code != code {
		wrong = true
		t.Errorf("exit code %d, want %d", a.Code, code)
	}
	for _, text := range texts {
		if !strings.Contains(a.Out+a.Err, text) {
			wrong = true
			t.Errorf("missing %q", text)
		}
	}
	if wrong {
		t.Logf("stdout:\n%s\nstderr:\n%s", a.Out, a.Err)
	}
}

// Result is what the last line of --json says.
type Result struct {
	Type        string
	Record      projector.Record
	Projections []struct {
		Stopped []struct{ Run string }
		Lease   lease.State
	}
}

// Result reads the last line of --json.
func (a Answer) Result(t testing.TB) (r Result) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(a.Out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil || r.Type != "result" {
		t.Fatalf("%v: %s%s", err, a.Out, a.Err)
	}
	return r
}

// Lines gives what a process that is not started yet will say on stderr, up to a line with
// a prefix, or to the end.
func Lines(t testing.TB, cmd *exec.Cmd) (until func(prefix string) []string) {
	t.Helper()
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(pipe)
	return func(prefix string) (said []string) {
		for scanner.Scan() {
			said = append(said, scanner.Text())
			if prefix != "" && strings.HasPrefix(scanner.Text(), prefix) {
				return said
			}
		}
		return said
	}
}
