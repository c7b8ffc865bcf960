package rig

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"humpty/projector"
	"humpty/projector/lease"
)

// Program is the built program with a configuration of its own.
type Program struct {
	File string            // the configuration
	Env  map[string]string // of its processes
}

// Write writes a file beside the configuration.
func (p *Program) Write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.File), name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Edit changes the configuration, by pairs of old and new texts; every old one must be there.
func (p *Program) Edit(t testing.TB, pairs ...string) {
	t.Helper()
	data, err := os.ReadFile(p.File)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the configuration has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	p.Write(t, filepath.Base(p.File), text)
}

// Live lets the shop's projection be rebuilt beside its writers.
func (p *Program) Live(t testing.TB, writer, more string) {
	t.Helper()
	p.Edit(t, "alias: ${ALIAS}\n", "alias: ${ALIAS}\n    consistency: live\n    writer: "+writer+"\n"+more)
}

// Command is the program as a process of this shop's, not yet started; it ends with the test.
func (p *Program) Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(binaryVariable), args...)
	cmd.Env = os.Environ()
	for k, v := range p.Env {
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
func (p *Program) Run(t testing.TB, args ...string) Answer {
	t.Helper()
	return End(t, p.Command(t, args...))
}

// End runs a process to its end.
func End(t testing.TB, cmd *exec.Cmd) Answer {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return Answer{Code: Code(t, err), Out: out.String(), Err: errs.String()}
}

// EndOrKill runs a process to its end, or ends it with SIGKILL after a while.
func EndOrKill(t testing.TB, cmd *exec.Cmd, after time.Duration) Answer {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	return Answer{Code: Code(t, err), Out: out.String(), Err: errs.String()}
}

// Killed stands for the exit code of a process that a signal ended.
const Killed = -1

// Code is the exit code that the end of a process says; Killed for one that a signal ended.
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

// WaitFor asks every so often until it is so.
func WaitFor(t testing.TB, every time.Duration, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, context.Cause(t.Context()))
		}
	}
}

// HoldAt keeps the next process at a point: at waits until it is there, release lets it continue.
func (p *Program) HoldAt(t testing.TB, point string) (at func(), release func()) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p.Env["HUMPTY_HOLD_AT"], p.Env["HUMPTY_HOLD"] = point, l.Addr().String()
	var conn net.Conn
	at = func() {
		if tcp, ok := l.(*net.TCPListener); ok {
			_ = tcp.SetDeadline(time.Now().Add(time.Minute))
		}
		if conn, err = l.Accept(); err != nil {
			t.Fatalf("the program did not come by %s: %v", point, err)
		}
		_ = l.Close()
		delete(p.Env, "HUMPTY_HOLD_AT")
	}
	return at, func() { _ = conn.Close() }
}
