//go:build unix

package outages

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// campaign is whether every server is killed at every phase, of both products:
// HUMPTY_OUTAGES=all go test -timeout 60m ./internal/e2e/outages
func campaign() bool { return os.Getenv("HUMPTY_OUTAGES") == "all" }

// phases are moments in the middle of each.
var phases = []struct {
	name, point string
	before      bool // what is committed then has to be in the index
}{
	{"plan", "lease taken", true},
	{"create", "index made", true},
	{"capture", "slot made", true},
	{"replay", "capture positioned", true},
	{"load", "partition written", true},
	{"catch-up", "catch-up noted", true},
	{"seal", "load durable", true},
	{"verify", "compared", true},
	{"swap", "arrived", false},
	{"end", "alias changed", false},
}

// Each server is killed and started again at each phase. The run waits for it and goes on, or
// ends as one that had not begun, and the next command does it. At the end the index is what
// the tables and the topic say.
func TestKilledAtEachPhase(t *testing.T) {
	t.Parallel()
	if !campaign() {
		s := newServers(t, "")
		for i, kind := range []devstack.Kind{devstack.KindKafka, devstack.KindPostgres} {
			p := phases[4+i]
			t.Run(string(kind)+" at "+p.name, func(t *testing.T) { killedAt(t, s, kind, p.point, p.before) })
		}
		return
	}
	for _, target := range []devstack.Kind{devstack.KindElasticsearch, devstack.KindOpenSearch} {
		t.Run(string(target), func(t *testing.T) {
			s := newServers(t, target)
			for _, kind := range []devstack.Kind{devstack.KindPostgres, devstack.KindKafka, target} {
				for _, p := range phases {
					t.Run(string(kind)+" at "+p.name, func(t *testing.T) { killedAt(t, s, kind, p.point, p.before) })
				}
			}
		})
	}
}

func killedAt(t *testing.T, s *servers, kind devstack.Kind, point string, before bool) {
	t.Helper()
	w := newWorld(t, s)
	at, release := w.HoldAt(t, point)
	run, said := start(t, w, "rebuild", "orders", "--progress-interval", "50ms")
	at()
	if before {
		w.change(t)
	}
	if err := s.Kill(kind); err != nil {
		t.Fatal(err)
	}
	release()
	began := time.Now()
	var starting errgroup.Group
	starting.Go(func() error { return s.Start(context.WithoutCancel(t.Context()), kind) })
	code := rig.Code(t, run.Wait())
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	waited := strings.Contains(said.String(), " is away, for ") || strings.Contains(said.String(), "waiting")
	how := "waited for"
	switch {
	case code == 0 && !waited:
		how = "not noticed"
	case code != 0:
		how = "gone on with by the next command"
		if code != 1 || point != phases[0].point { // one that has begun waits
			t.Errorf("exit code %d\n%s", code, said.String())
		}
		t.Logf("it ended with\n%s", said.String())
		resume(t, w).Want(t, 0, "alias "+w.Alias+" serves ")
	}
	t.Logf("%s, %.1f s", how, time.Since(began).Seconds())
	if w.equal(t); t.Failed() {
		t.Log(said.String())
	}
}

// resume is what a person does: resume; or, where nothing was written down, begin.
func resume(t *testing.T, w *world) rig.Answer {
	t.Helper()
	a := w.Run(t, "resume")
	if a.Code != 4 || !strings.Contains(a.Err, "no stopped run is known") {
		return a
	}
	w.Expire(t)
	return w.Run(t, "rebuild")
}

func start(t *testing.T, w *world, args ...string) (*exec.Cmd, *output) {
	t.Helper()
	cmd, said := w.Command(t, args...), &output{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, said
}

// A server that stays away ends the run cleanly, and resume goes on; then the index is
// followed while each is killed, and while one stays away.
func TestAwayForTooLongAndFollowed(t *testing.T) {
	t.Parallel()
	target, kinds := devstack.Kind(""), []devstack.Kind{devstack.KindKafka}
	if campaign() {
		target, kinds = devstack.KindElasticsearch, []devstack.Kind{devstack.KindPostgres, devstack.KindKafka, devstack.KindElasticsearch}
	}
	s := newServers(t, target)
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, s)
			at, release := w.HoldAt(t, "partition written")
			run, said := start(t, w, "rebuild", "orders", "--max-outage", "2s")
			at()
			stays(t, s, w, kind, release, run, said, "humpty resume ")
			w.change(t)
			w.Run(t, "resume").Want(t, 0, "alias "+w.Alias+" serves ")
			w.equal(t)

			follow, said := start(t, w, "follow", "--progress-interval", "100ms")
			w.change(t)
			followed(t, w, said)
			if err := s.Kill(kind); err != nil {
				t.Fatal(err)
			}
			if err := s.Start(t.Context(), kind); err != nil {
				t.Fatal(err)
			}
			w.change(t)
			followed(t, w, said)
			if err := follow.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := rig.Code(t, follow.Wait()); code != 0 {
				t.Errorf("follow: exit code %d\n%s", code, said.String())
			}

			follow, said = start(t, w, "follow", "--max-outage", "2s", "--progress-interval", "100ms")
			w.change(t)
			followed(t, w, said)
			stays(t, s, w, kind, func() {}, follow, said, "humpty follow orders goes on where it was")
			follow, said = start(t, w, "follow")
			w.change(t)
			followed(t, w, said)
			if err := follow.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := rig.Code(t, follow.Wait()); code != 0 {
				t.Errorf("follow: exit code %d\n%s", code, said.String())
			}
		})
	}
}

// stays kills a server, and starts it again when the process has given up.
func stays(t *testing.T, s *servers, w *world, kind devstack.Kind, release func(), cmd *exec.Cmd, said *output, remedy string) {
	t.Helper()
	if err := s.Kill(kind); err != nil {
		t.Fatal(err)
	}
	release()
	code := rig.Code(t, cmd.Wait())
	for _, text := range []string{" is away, for ", "it is waited for, up to 2s", " was away for ", remedy} {
		if !strings.Contains(said.String(), text) {
			t.Errorf("it does not say %q", text)
		}
	}
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	if t.Failed() {
		t.Log(said.String())
	}
	if err := s.Start(t.Context(), kind); err != nil {
		t.Fatal(err)
	}
}

// followed waits until the index is what the sources are.
func followed(t *testing.T, w *world, said *output) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		all := w.differing(t)
		if len(all) == 0 {
			return
		}
		select {
		case <-late:
			t.Fatalf("%d documents are not followed, first %s\n%s", len(all), all[0], said.String())
		case <-tick.C:
		}
	}
}
