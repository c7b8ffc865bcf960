//go:build unix

package outages

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// bounded runs the program where no file may be larger: what is written beyond fails, as on
// a full disk.
func (w *world) bounded(t *testing.T, kilobytes int, args ...string) *exec.Cmd {
	t.Helper()
	cmd := w.Command(t, args...)
	cmd.Args = append([]string{"bash", "-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, kilobytes), cmd.Path}, cmd.Args[1:]...)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	cmd.Path = bash
	return cmd
}

// The state folder is full at several moments of a run, and while an index is followed: the
// program ends with the reason, and when there is room again the next command goes on and
// loses nothing.
func TestFullStateDisk(t *testing.T) {
	t.Parallel()
	pg := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	es, brokers := devstack.Elasticsearch(t), devstack.Kafka(t)
	var w *world
	for _, kilobytes := range []int{4, 24, 60} {
		w = newWorldOn(t, pg, es, brokers)
		a := rig.End(t, w.bounded(t, kilobytes, "rebuild", "orders", "--progress-interval", "10ms"))
		if a.Code != 0 {
			full(t, a.Code, a.Err)
			w.change(t)
			resume(t, w).Want(t, 0, "alias "+w.Alias+" serves ")
		}
		t.Logf("at most %d KB a file: exit code %d, last %q", kilobytes, a.Code, lastPhase(a.Err))
		w.equal(t)
	}
	cmd, said := w.bounded(t, 40, "follow"), &output{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	var waiting errgroup.Group
	waiting.Go(func() error { ended <- cmd.Wait(); return nil })
	var err error
	for n, running := 0, true; running; n++ {
		select {
		case err = <-ended:
			running = false
		default:
			if n == 300 {
				t.Fatalf("it never comes to the end of the disk\n%s", said.String())
			}
			w.change(t)
		}
	}
	full(t, rig.Code(t, err), said.String())
	follow, said := start(t, w, "follow")
	w.change(t)
	followed(t, w, said)
	if err := follow.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := rig.Code(t, follow.Wait()); code != 0 {
		t.Errorf("follow: exit code %d\n%s", code, said.String())
	}
}

func full(t *testing.T, code int, said string) {
	t.Helper()
	if code != 1 || !strings.Contains(said, "file too large") || !strings.Contains(said, "state") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

func lastPhase(said string) string {
	last := ""
	for line := range strings.Lines(said) {
		if strings.Contains(line, " started") {
			last = strings.TrimSpace(line)
		}
	}
	return last
}
