// Package binary plays the demo with the built program; it is a package of its own so that
// its tests have a time budget of their own.
package binary

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"humpty/internal/demo"
)

// line is what these tests read of a line of --json.
type line struct {
	Schema   int
	Type     string
	Name     string
	Step     string
	Status   string
	ExitCode int `json:"exit_code"`
	Demo     struct {
		Compared struct{ Found int64 }
		Kept     *demo.Kept
	}
}

// TestBinary plays with the built program, whose servers and data have a folder of their
// own, so that what is left of them can be seen.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	binary := filepath.Join(t.TempDir(), "humpty")
	if out, err := exec.Command("go", "build", "-o", binary, "humpty/cmd/humpty").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("interrupted while the servers start", func(t *testing.T) {
		p := start(t, binary, "demo", "--orders", "1000", "--json")
		p.until(func(l line) bool { return l.Type == "server" && l.Step == "ready" })
		p.interrupt()
		p.ends(130, "interrupted")
		p.leavesNothing()
	})
	t.Run("interrupted while it builds, to be kept", func(t *testing.T) {
		p := start(t, binary, "demo", "--orders", "40000", "--json", "--keep")
		p.until(func(l line) bool { return l.Name == "make the shop" })
		p.interrupt()
		p.ends(130, "interrupted")
		p.leavesNothing()
	})
	t.Run("kept and stopped", func(t *testing.T) {
		p := start(t, binary, "demo", "--orders", "1000", "--json", "--keep")
		last := p.ends(0, "completed")
		if last.Demo.Kept == nil || last.Demo.Compared.Found < 900 {
			t.Fatalf("result %+v", last)
		}
		if n := ordersIn(t, last.Demo.Kept.Elasticsearch); n != last.Demo.Compared.Found {
			t.Errorf("%d orders in the kept index, %d were compared", n, last.Demo.Compared.Found)
		}
		for _, name := range []string{"humpty.yaml", "orders.index.json"} {
			if _, err := os.Stat(filepath.Join(p.cmd.Dir, "humpty-demo", name)); err != nil {
				t.Error(err)
			}
		}
		stop := exec.Command(binary, "demo", "--stop")
		stop.Env = p.cmd.Env
		if out, err := stop.CombinedOutput(); err != nil || !strings.Contains(string(out), "stopped "+last.Demo.Kept.Data) {
			t.Errorf("demo --stop: %v\n%s", err, out)
		}
		p.leavesNothing()
	})
	t.Run("too few orders", func(t *testing.T) {
		start(t, binary, "demo", "--orders", "10", "--json").ends(64, "failed")
	})
}

type play struct {
	t     *testing.T
	cmd   *exec.Cmd
	stack string // folder of its servers
	lines *bufio.Scanner
}

func start(t *testing.T, binary string, args ...string) *play {
	t.Helper()
	stack, err := os.MkdirTemp("", "demo-") // short, for PostgreSQL's socket
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(stack, 0o755); err != nil { // the servers run as another user
		t.Fatal(err)
	}
	p := &play{t: t, stack: stack, cmd: exec.Command(binary, args...)}
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append(os.Environ(), "HUMPTY_DEVSTACK="+stack)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	p.lines.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill() // its servers end with it
			_ = p.cmd.Wait()
		}
		if err := os.RemoveAll(stack); err != nil {
			t.Error(err)
		}
	})
	return p
}

// until reads lines up to the one that is waited for.
func (p *play) until(it func(line) bool) line {
	p.t.Helper()
	var l line
	for p.lines.Scan() {
		l = line{}
		if err := json.Unmarshal(p.lines.Bytes(), &l); err != nil || l.Schema != 1 {
			p.t.Fatalf("not a line of --json: %s (%v)", p.lines.Text(), err)
		}
		if it(l) {
			return l
		}
	}
	p.t.Fatalf("the output ended with %+v (%v)", l, p.lines.Err())
	return l
}

func (p *play) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
}

func (p *play) ends(code int, status string) line {
	p.t.Helper()
	last := p.until(func(l line) bool { return l.Type == "result" })
	if p.lines.Scan() {
		p.t.Errorf("a line after the result: %s", p.lines.Text())
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code || last.ExitCode != code || last.Status != status {
		p.t.Errorf("exit code %d, result %+v; want %d, %s", got, last, code, status)
	}
	return last
}

// leavesNothing waits until no process and no data of the play are left.
func (p *play) leavesNothing() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left := p.processes()
		data, err := filepath.Glob(filepath.Join(p.stack, "*", "*", "data"))
		if err != nil {
			p.t.Fatal(err)
		}
		if left = append(left, data...); len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("left behind:\n%s", strings.Join(left, "\n"))
		}
	}
}

// processes lists those that run in the play's folder, name it, or inherited its name.
func (p *play) processes() []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // it may have ended
		environment, _ := os.ReadFile(filepath.Join(dir, "environ"))
		folder, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if strings.Contains(string(command)+string(environment)+folder, p.stack) {
			found = append(found, dir+" "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

func ordersIn(t *testing.T, url string) int64 {
	t.Helper()
	res, err := http.Get(url + "/orders/_count")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Count int64 }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Count
}
