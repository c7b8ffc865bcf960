//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"humpty/internal/devstack"
	"humpty/projector"
	"humpty/projector/observe"
)

// What a crash at half of the load costs, and what checkpoints do:
// HUMPTY_CRASH_FIGURES=1000000 go test -v -run TestFiguresOfACrash ./cmd/humpty
func TestFiguresOfACrash(t *testing.T) {
	documents, err := strconv.Atoi(os.Getenv("HUMPTY_CRASH_FIGURES"))
	if err != nil {
		t.Skip("only with HUMPTY_CRASH_FIGURES, the number of documents")
	}
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s := newCrashShop(t, stack.Addresses().Postgres, devstack.Elasticsearch(t), "freeze")
	s.edit(t, "{max_bulk_mb_s: 4, batch: 64KB, writers: 4}", "{batch: 4MB}")
	s.sql(t, strings.ReplaceAll(crashTables, strconv.Itoa(crashOrders), strconv.Itoa(documents)))
	whole, record := s.timed(t, 1, "rebuild", "orders", "--json", "--progress-interval", "10ms")
	half, _ := s.timed(t, 0.5, "rebuild", "orders", "--json", "--progress-interval", "10ms")
	rest, resumed := s.timed(t, 1, "resume", "--json")
	load := 0.0
	for _, p := range record.Phases {
		if p.Phase == observe.PhaseLoad {
			load = p.Seconds
		}
	}
	t.Logf("%d documents: undisturbed %.1f s; killed at half %.1f s + resumed %.1f s = %.2f of it; checkpoints %.3f s of a load of %.1f s = %.2f %%; %d of %d read again",
		documents, whole.Seconds(), half.Seconds(), rest.Seconds(), (half+rest).Seconds()/whole.Seconds(),
		record.Checkpoints, load, 100*record.Checkpoints/load, resumed.Ledger.Superseded, documents)
}

// timed runs humpty, and kills it at that part of the load.
func (s *shop) timed(t *testing.T, part float64, args ...string) (time.Duration, projector.Record) {
	t.Helper()
	cmd := s.humpty(t, args...)
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
