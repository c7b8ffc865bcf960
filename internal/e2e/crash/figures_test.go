//go:build unix

package crash

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/report"
)

// The bounds of what a crash may cost.
const (
	crashBound      = 1.1  // of an undisturbed run's wall
	checkpointBound = 0.02 // of the load
	redoneBound     = 0.05 // of the documents, or a chunk for each worker
)

// What a crash at half of the load costs, and what checkpoints do:
// HUMPTY_CRASH_FIGURES=1000000 go test -v -timeout 1h -run TestFiguresOfACrash ./internal/e2e/crash
//
// A first run warms the servers and does not count. Then pairs are compared, an undisturbed
// run and one that is killed and gone on with, in turns first and last: HUMPTY_CRASH_PAIRS, 3
// by default. What a run leaves is dropped, and merges end, before the next begins.
func TestFiguresOfACrash(t *testing.T) {
	documents, err := strconv.Atoi(os.Getenv("HUMPTY_CRASH_FIGURES"))
	if err != nil {
		t.Skip("only with HUMPTY_CRASH_FIGURES, the number of documents")
	}
	pairs, err := strconv.Atoi(cmp.Or(os.Getenv("HUMPTY_CRASH_PAIRS"), "3"))
	if err != nil {
		t.Fatal(err)
	}
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s := rig.New(t, stack.Addresses().Postgres, devstack.Elasticsearch(t))
	s.Live(t, "freeze", "    limits: {batch: 4MB}\n")
	s.SQL(t, rig.UnconstrainedTables(documents, crashCustomers))
	s.SQL(t, "CHECKPOINT")
	warm := undisturbed(t, s)
	t.Logf("warm-up: %s", warm)
	var ratios []float64
	for i := range pairs {
		var whole, cut timing
		if i%2 == 0 {
			whole, cut = undisturbed(t, s), disturbed(t, s)
		} else {
			cut, whole = disturbed(t, s), undisturbed(t, s)
		}
		ratios = append(ratios, cut.wall.Seconds()/whole.wall.Seconds())
		load := seconds(whole.record.Phases, report.PhaseLoad)
		checkpoints := whole.record.Checkpoints / load
		redone := float64(cut.record.Redone) / float64(documents)
		t.Logf("pair %d\n  undisturbed %s\n  killed at half and gone on with %s\n  wall %.2f of the undisturbed (bound %.1f), time inside checkpoint calls %.3f s of a load of %.1f s = %.2f %% (bound %.0f %%), %d documents = %.1f %% read again (bound %.0f %%, or a chunk for each worker)",
			i+1, whole, cut, ratios[i], crashBound, whole.record.Checkpoints, load, 100*checkpoints, 100*checkpointBound,
			cut.record.Redone, 100*redone, 100*redoneBound)
		if checkpoints > checkpointBound {
			t.Errorf("pair %d: checkpoints take %.2f %% of the load", i+1, 100*checkpoints)
		}
		if workers := 8; redone > max(redoneBound, float64(workers)/float64(len(cut.record.Inputs))) {
			t.Errorf("pair %d: %.1f %% were read again, of %d chunks", i+1, 100*redone, len(cut.record.Inputs))
		}
	}
	slices.Sort(ratios)
	t.Logf("%d documents: killed at half %.2f of an undisturbed run in the middle of %d pairs %.2f", documents, ratios[len(ratios)/2], pairs, ratios)
	if middle := ratios[len(ratios)/2]; documents >= 1_000_000 && middle > crashBound {
		t.Errorf("%.2f of an undisturbed run", middle)
	}
}

// timing is how long a run took, in one process or two.
type timing struct {
	wall, first time.Duration
	record      projector.Record
}

func (t timing) String() string {
	text := fmt.Sprintf("%.1f s:", t.wall.Seconds())
	if len(t.record.Attempts) == 0 {
		return text + phases(t.record.Phases)
	}
	for i, a := range t.record.Attempts {
		of := t.first
		if i > 0 {
			of = t.wall - t.first
		}
		text += fmt.Sprintf("\n    %s, %.1f s (%.1f s of them in the run):%s", a.Status, of.Seconds(), a.Seconds, phases(a.Phases))
	}
	return text
}

func phases(all []report.PhaseTime) string {
	var text strings.Builder
	for _, p := range all {
		fmt.Fprintf(&text, " %s %.2f", p.Phase, p.Seconds)
	}
	return text.String()
}

func seconds(all []report.PhaseTime, of report.Phase) (sum float64) {
	for _, p := range all {
		if p.Phase == of {
			sum += p.Seconds
		}
	}
	return sum
}

func undisturbed(t *testing.T, s *rig.Shop) timing {
	t.Helper()
	wall, record := timedRun(t, s, 1, "rebuild", "orders", "--json", "--progress-interval", "10ms")
	vacuum(t, s)
	return timing{wall: wall, record: record}
}

func disturbed(t *testing.T, s *rig.Shop) timing {
	t.Helper()
	first, _ := timedRun(t, s, 0.5, "rebuild", "orders", "--json", "--progress-interval", "10ms")
	rest, record := timedRun(t, s, 1, "resume", "--json")
	vacuum(t, s)
	return timing{wall: first + rest, first: first, record: record}
}

// vacuum drops what a run left, and waits until the target does nothing any more.
func vacuum(t *testing.T, s *rig.Shop) {
	t.Helper()
	s.Run(t, "prune", "orders", "--keep", "0", "--yes").Want(t, 0)
	s.SQL(t, "CHECKPOINT")
	rig.WaitFor(t, 250*time.Millisecond, "the target to rest", func() bool {
		_, body := s.Request(t, http.MethodGet, "/_nodes/stats/indices/merge?filter_path=nodes.*.indices.merges.current", "")
		return !strings.Contains(body, `"current":`) || strings.Contains(body, `"current":0`)
	})
}

// timedRun runs humpty, and kills it at that part of the load.
func timedRun(t *testing.T, s *rig.Shop, part float64, args ...string) (time.Duration, projector.Record) {
	t.Helper()
	cmd := s.Command(t, args...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last struct {
		Type, Phase string
		Done, Total int64
		Record      projector.Record
	}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		last.Type = ""
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Fatal(err)
		}
		if last.Type == "progress" && last.Phase == "load" && part < 1 && float64(last.Done) >= part*float64(last.Total) {
			_ = cmd.Process.Kill()
			break
		}
	}
	if err := cmd.Wait(); err != nil && part == 1 {
		t.Fatalf("%v\n%s", err, said.String())
	}
	return time.Since(start), last.Record
}
