package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"humpty/bench/internal/figure"
	"humpty/internal/canonjson"
	"humpty/internal/testenv/devstack"
	"humpty/internal/testenv/shop"
	"humpty/projector"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const line = "4242 (a (strange) name) S 17 4242 4242 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 1 0 5 6 7"
	pid, parent, ticks := parseStat(line)
	if pid != 4242 || parent != 17 || ticks != 11+22+33+44 {
		t.Errorf("pid %d, parent %d, ticks %d", pid, parent, ticks)
	}
	for _, bad := range []string{"", "12 (x", "12 (x) S 1 2"} {
		if pid, parent, ticks := parseStat(bad); pid != 0 || parent != 0 || ticks != 0 {
			t.Errorf("%q: %d %d %d", bad, pid, parent, ticks)
		}
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if pid := Server("http://" + l.Addr().String()); pid != os.Getpid() {
		t.Errorf("process %d listens, want %d", pid, os.Getpid())
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, elsewhere := range []string{"http://192.0.2.1:" + port, "http://127.0.0.1:1", "::", "http://localhost"} {
		if pid := Server(elsewhere); pid != 0 {
			t.Errorf("%s: process %d, which nobody can know", elsewhere, pid)
		}
	}
	before := CPU(os.Getpid())
	for start := ownCPU(); ownCPU() < start+0.05; {
	}
	if used := CPU(os.Getpid()) - before; used < 0.03 {
		t.Errorf("%v s of CPU, after 0.05 s were used", used)
	}
	if CPU(0) != 0 {
		t.Error("nobody used CPU")
	}
}

func TestOwnMemory(t *testing.T) {
	t.Parallel()
	if mb := peakRSS(); mb < 5 || mb > 4000 {
		t.Errorf("peak memory of %v MB", mb)
	}
}

func TestShards(t *testing.T) {
	t.Parallel()
	m, err := Spec{DSN: "postgres://localhost/x", Shape: shop.Plain, Alias: "a", Bulk: Bulk{Shards: 7, Writers: 3, Batch: 5, InFlight: 9}, Connections: 2}.model()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(m.projection.Index, []byte(`"number_of_shards":7`)) || !bytes.Contains(m.projection.Index, []byte("o_orderkey")) {
		t.Errorf("the definition has not 7 shards and its mapping: %.200s", m.projection.Index)
	}
	if l := m.projection.Limits; l.Writers != 3 || l.Batch != 5 || l.InFlight != 9 || m.source.MaxConnections != 2 {
		t.Errorf("limits %+v, connections %d", l, m.source.MaxConnections)
	}
	plain, err := PlainIndex(Spec{DSN: "postgres://localhost/x", Shape: shop.Plain, Alias: "a", Bulk: Bulk{Shards: 3}})
	if err != nil || bytes.Contains(plain, []byte("replicas")) || !bytes.Contains(plain, []byte(`"number_of_shards":3`)) {
		t.Errorf("the naive definition: %.200s, %v", plain, err)
	}
}

func TestRunIntoNull(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	if _, err := shop.Seed(t.Context(), dsn, shop.Options{Orders: 3000, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	spec := Spec{DSN: dsn, Shape: shop.Plain, Target: "null", Alias: "bench", Connections: 3, Level: projector.LevelCount}
	o, err := Run(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.Record.Ledger.Written != 3000 || o.Seconds <= 0 || o.Seconds > o.Record.Seconds || o.Readers != 2 {
		t.Errorf("%d written in %v s of %v, %d readers", o.Record.Ledger.Written, o.Seconds, o.Record.Seconds, o.Readers)
	}
	for _, name := range []string{figure.OwnCPU, figure.RSS, figure.Allocs, figure.Whole, "phase_load_s"} {
		if o.Figures[name] <= 0 {
			t.Errorf("%s is %v", name, o.Figures[name])
		}
	}
	query := spec
	query.Query = true
	if o, err := Run(t.Context(), query, nil); err != nil || o.Record.Ledger.Written != 3000 {
		t.Fatalf("by a query: %d written, %v", o.Record.Ledger.Written, err)
	}
	sameDocuments(t, spec, query)
	corpus, root, err := Capture(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if corpus.Documents() != 3000 || corpus.Bytes() != o.Record.Ledger.Bytes || root.From != "shop.orders" {
		t.Errorf("captured %d documents, %d bytes of %s; the rebuild had %d bytes", corpus.Documents(), corpus.Bytes(), root.From, o.Record.Ledger.Bytes)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Serve(strings.NewReader(`{"Target":"null","Shards":2}`), &out, func(s Spec) (Outcome, error) {
		return Outcome{Readers: s.Shards, Seconds: 1.5}, nil
	})
	var o Outcome
	if err := errors.Join(err, json.Unmarshal(out.Bytes(), &o)); err != nil || o.Readers != 2 || o.Seconds != 1.5 {
		t.Errorf("%s, %v", out.Bytes(), err)
	}
	failed := errors.New("no server")
	if err := Serve(strings.NewReader(`{}`), &out, func(Spec) (Outcome, error) { return Outcome{}, failed }); !errors.Is(err, failed) {
		t.Errorf("%v, want why it failed", err)
	}
	if err := Serve(strings.NewReader(`x`), &out, nil); err == nil {
		t.Error("nonsense was taken for a spec")
	}
}

func TestUnknownTarget(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Spec{DSN: "postgres://localhost/x", Shape: shop.Plain, Target: "paper", Alias: "a"}, nil); err == nil || !strings.Contains(err.Error(), `"paper"`) {
		t.Errorf("%v", err)
	}
}

func TestWatchSeconds(t *testing.T) {
	t.Parallel()
	at := func(s float64) time.Time { return time.Unix(0, int64(s*1e9)) }
	w := &watch{began: at(10), loaded: at(13)}
	if w.seconds() != 3 {
		t.Errorf("a load: %v s", w.seconds())
	}
	w.refreshed = at(14.5)
	if w.seconds() != 4.5 {
		t.Errorf("a load and its refresh: %v s", w.seconds())
	}
}

// sameDocuments: two specs make the same documents, whatever their spelling.
func sameDocuments(t *testing.T, specs ...Spec) {
	t.Helper()
	var all []map[string]string
	for _, s := range specs {
		corpus, _, err := Capture(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		docs := map[string]string{}
		for _, b := range corpus.Batches(1 << 20) {
			lines := bytes.Split(bytes.TrimSpace(b.Body), []byte("\n"))
			for i := 0; i+1 < len(lines); i += 2 {
				form, err := new(canonjson.Form).Of(lines[i+1])
				if err != nil {
					t.Fatal(err)
				}
				docs[string(lines[i])] = string(form)
			}
		}
		all = append(all, docs)
	}
	if len(all[0]) == 0 || !maps.Equal(all[0], all[1]) {
		t.Error("the documents are not the same")
	}
}
