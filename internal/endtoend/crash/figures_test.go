//go:build unix

package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"humpty/internal/devstack"
	"humpty/internal/endtoend/rig"
	"humpty/projector"
	"humpty/projector/observe"
)

// What a crash at half of the load costs, and what checkpoints do:
// HUMPTY_CRASH_FIGURES=1000000 go test -v -run TestFiguresOfACrash ./internal/endtoend/crash
func TestFiguresOfACrash(t *testing.T) {
	documents, err := strconv.Atoi(os.Getenv("HUMPTY_CRASH_FIGURES"))
	if err != nil {
		t.Skip("only with HUMPTY_CRASH_FIGURES, the number of documents")
	}
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s := rig.New(t, stack.Addresses().Postgres, devstack.Elasticsearch(t))
	s.Live(t, "freeze", "    limits: {batch: 4MB}\n")
	s.SQL(t, rig.Loose(documents, crashCustomers))
	whole, record := timed(t, s, 1, "rebuild", "orders", "--json", "--progress-interval", "10ms")
	half, _ := timed(t, s, 0.5, "rebuild", "orders", "--json", "--progress-interval", "10ms")
	rest, resumed := timed(t, s, 1, "resume", "--json")
	load := 0.0
	for _, p := range record.Phases {
		if p.Phase == observe.PhaseLoad {
			load = p.Seconds
		}
	}
	t.Logf("phases undisturbed %+v, resumed %+v", record.Phases, resumed.Phases)
	t.Logf("%d documents: undisturbed %.1f s; killed at half %.1f s + resumed %.1f s = %.2f of it; checkpoints %.3f s of a load of %.1f s = %.2f %%; %d of %d read again",
		documents, whole.Seconds(), half.Seconds(), rest.Seconds(), (half+rest).Seconds()/whole.Seconds(),
		record.Checkpoints, load, 100*record.Checkpoints/load, resumed.Ledger.Superseded, documents)
}

// timed runs humpty, and kills it at that part of the load.
func timed(t *testing.T, s *rig.Shop, part float64, args ...string) (time.Duration, projector.Record) {
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
