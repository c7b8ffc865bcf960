package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/page"
	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
	"humpty/internal/testenv/devstack"
	"humpty/projector/fold/script"
)

// TestMain lets the test's program be the engine's process, as the bench's own is.
func TestMain(m *testing.M) {
	script.Main()
	if len(os.Args) == 2 && os.Args[1] == engineCommand {
		b := &bench{in: os.Stdin, out: os.Stdout, err: os.Stderr}
		os.Exit(b.run(context.Background(), os.Args[1:]))
	}
	m.Run()
}

// newBench is a bench whose servers are the shared ones.
func newBench(t *testing.T) (b *bench, out, said *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, said = &bytes.Buffer{}, &bytes.Buffer{}
	return &bench{out: out, err: said, self: self}, out, said
}

// TestRun is a whole run, tiny.
func TestRun(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	b, out, said := newBench(t)
	b.servers = serverFlags{postgres: dsn, database: databaseOf(t, dsn), elasticsearch: devstack.Elasticsearch(t), kafka: devstack.Kafka(t)[0]}
	b.data = dataFlags{shape: "plain", connections: 2, shards: 2}
	b.results = t.TempDir()
	p := plan{
		mode: "quick", orders: 300, pairs: 2, events: 1, queries: 2, repairs: 1, naive: 5, finalists: 1, repeats: 1, growth: growth{base: 100, factors: []int{1, 2}, connections: []int{1, 3}, times: 1},
		cells: []cell{{writers: 2, batchMB: 1, shards: 1}, {writers: 1, batchMB: 0.1, shards: 2}},
	}
	if err := (&runVerb{bench: b, target: "elasticsearch"}).everything(t.Context(), p); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var h result.Headline
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &h); err != nil {
		t.Fatalf("the last line is no headline: %v\n%s", err, out)
	}
	if h.E2E.N != 2 || h.Null.N != 2 || h.Naive.Median < 1 || h.Gate.N != 2 || h.Floor.N != 2 || h.Repair.N != 1 || h.Query.N != 2 || h.CPU.Median <= 0 || h.RSS.Median <= 0 || h.Orders != 300 {
		t.Errorf("headline %+v", h)
	}
	runs, err := result.ReadDir(b.results)
	if err != nil {
		t.Fatal(err)
	}
	checkRun(t, runs[0])
	if got, want := strings.Split(out.String(), "{\"run\"")[0], page.Markdown(runs)+"\n"; got != want {
		t.Errorf("what was printed is not what the kept results say:\n%s", got)
	}
	noIndexLeft(t, b.servers.elasticsearch, runs[0][0].Run)
}

func checkRun(t *testing.T, run []result.Result) {
	t.Helper()
	seen := map[result.What]int{}
	for _, r := range run {
		if seen[r.What]++; r.What == result.Seed && r.Shape == shapeEvents {
			seen[r.What]-- // the topic may be there from before
		}
		if r.Seconds <= 0 || r.Documents <= 0 || r.Bytes <= 0 || r.Machine.Cores == 0 || r.Versions["postgres"] == "" || r.Versions["elasticsearch"] == "" {
			t.Errorf("a measurement without what it needs: %+v", r)
		}
		if r.What == result.Rebuild && r.Target == "elasticsearch" {
			if r.Figures[figure.BulkP99] < r.Figures[figure.BulkP50] || r.Figures[figure.BulkP50] <= 0 || r.Figures[figure.Verify] <= 0 {
				t.Errorf("figures of a rebuild: %v", r.Figures)
			}
		}
	}
	want := map[result.What]int{
		result.Seed: 1 + 2, result.Copy: 2, result.Rebuild: 2 + 2 + 4, result.Naive: 2, result.Firehose: 2 + 1, result.BothEnds: 2, result.Scan: 2, result.Fetch: 2, result.Fold: 6, result.Verify: 1, result.Query: 2, result.Repair: 1,
	}
	for what, n := range want {
		if seen[what] != n {
			t.Errorf("%d measurements of %s, want %d", seen[what], what, n)
		}
	}
}

func noIndexLeft(t *testing.T, address, run string) {
	t.Helper()
	var all map[string]any
	if err := raw.NewSearch(address).Get(t.Context(), "/bench-"+run+"*", &all); err != nil {
		t.Fatal(err)
	}
	if len(all) > 0 {
		t.Errorf("indices left behind: %v", all)
	}
}

func databaseOf(t *testing.T, dsn string) string {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return c.Database
}

// TestForeignSchema: seeding drops a schema, so it must be the bench's own.
func TestForeignSchema(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA shop; CREATE TABLE shop.orders AS SELECT 1 AS dear"); err != nil {
		t.Fatal(err)
	}
	b, _, said := newBench(t)
	code := b.run(t.Context(), []string{"seed", "--postgres", dsn, "--database", databaseOf(t, dsn), "--orders", "10"})
	if code != exitFailed || !strings.Contains(said.String(), "that bench did not make") {
		t.Errorf("code %d: %s", code, said)
	}
	var dear int
	if err := conn.QueryRow(t.Context(), "SELECT dear FROM shop.orders").Scan(&dear); err != nil || dear != 1 {
		t.Errorf("somebody's table is gone: %v", err)
	}
}

func TestSeedOnce(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"seed", "--orders", "50"}, "seed  "},
		{[]string{"rebuild", "--orders", "50"}, "from before"},
		{[]string{"rebuild", "--orders", "60", "--json"}, `"what":"seed"`},
	} {
		b, out, said := newBench(t)
		if code := b.run(t.Context(), append(c.args, "--postgres", dsn, "--database", databaseOf(t, dsn))); code != 0 {
			t.Fatalf("%v: code %d: %s", c.args, code, said)
		}
		if text := out.String() + said.String(); !strings.Contains(text, c.want) {
			t.Errorf("%v: no %q in\n%s", c.args, c.want, text)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"nonsense", exitUsage, "unknown command"},
		{"run --loud", exitUsage, "unknown flag"},
		{"run", exitFailed, "at least one of the flags in the group [quick full events]"},
		{"run --quick --full", exitFailed, "none of the others can be"},
		{"seed", exitFailed, "seed needs --postgres"},
		{"rebuild --target paper", exitFailed, `--target "paper"`},
		{"rebuild --from paper", exitFailed, `--from "paper": tables or events`},
		{"rebuild --from events --target elasticsearch", exitFailed, "leave --target out"},
		{"seed --postgres postgres://x --events 5", exitFailed, "--events needs --kafka"},
		{"rebuild --shape fat", exitFailed, `--shape "fat": plain or rich`},
		{"naive --connections 0", exitFailed, "--connections is 1 at least"},
		{"compare a", exitUsage, "accepts 2 arg(s)"},
		{"report --results /nowhere", exitFailed, "run --quick"},
		{"seed --postgres host=x", exitFailed, "--postgres must be a URL"},
	} {
		b, _, said := newBench(t)
		if code := b.run(t.Context(), strings.Fields(c.args)); code != c.code || !strings.Contains(said.String(), c.want) {
			t.Errorf("%s: code %d, want %d and %q in: %s", c.args, code, c.code, c.want, said)
		}
	}
}

func TestReportAndCompare(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep(t, dir, "20260101t000000", "aaaaaaaa", 1)
	keep(t, dir, "20260102t000000", "bbbbbbbb", 2)
	readme := filepath.Join(dir, "README.md")
	if err := os.WriteFile(readme, []byte("# x\n"+page.Begin+"\n"+page.End+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"report", 0, "commit bbbbbbb"},
		{"report --mode full", exitFailed, "no run to report"},
		{"report --check " + readme, exitFailed, "quotes other figures"},
		{"report --write " + readme, 0, ""},
		{"report --check " + readme, 0, ""},
		{"report --check " + filepath.Join(dir, "none.md"), exitFailed, "no such file"},
		{"compare aaaa bbbb", exitRegressed, "2 figures became worse"},
		{"compare aaaa bbbb --bound 5", 0, "a little worse"},
		{"compare bbbb aaaa --json", 0, `"figure":"null_vs_copy"`},
		{"compare aaaa cccc", exitFailed, `no run of "cccc"`},
	} {
		b, out, said := newBench(t)
		code := b.run(t.Context(), append(strings.Fields(c.args), "--results", dir))
		if text := out.String() + said.String(); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: code %d, want %d and %q in: %s", c.args, code, c.code, c.want, text)
		}
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "bench.svg")); err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) {
		t.Errorf("the picture: %.40s, %v", svg, err)
	}
}

// keep writes a small run.
func keep(t *testing.T, dir, run, commit string, seconds float64) {
	t.Helper()
	rec := recorder{stamp: result.Stamp{Schema: 1, Run: run, Commit: commit, Mode: "quick"}}
	if err := rec.keep(dir); err != nil {
		t.Fatal(err)
	}
	for pair := 1; pair <= 3; pair++ {
		for _, m := range []result.Measurement{
			{What: result.Copy, Series: figure.SeriesNull, Seconds: 1},
			{What: result.Rebuild, Target: "null", Series: figure.SeriesNull, Seconds: seconds, Figures: map[string]float64{figure.OwnCPU: seconds}},
		} {
			m.Shape, m.Pair, m.Orders, m.Documents = "plain", pair, 10, 10
			if err := rec.add(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(rec.complete(), rec.close()); err != nil {
		t.Fatal(err)
	}
}

// TestUnfinished: an interrupted run is kept, but nothing is said about it.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rec := recorder{stamp: result.Stamp{Schema: 1, Run: "20260101t000000", Commit: "aaaaaaaa", Mode: "quick"}}
	err := errors.Join(rec.keep(dir), rec.add(result.Measurement{What: result.Copy, Shape: "plain", Seconds: 1}), rec.close())
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := result.ReadFile(filepath.Join(dir, rec.stamp.FileName()+unfinished)); err != nil || len(kept) != 1 {
		t.Errorf("%d measurements kept, %v", len(kept), err)
	}
	b, _, said := newBench(t)
	if code := b.run(t.Context(), []string{"report", "--results", dir}); code != exitFailed || !strings.Contains(said.String(), "no results in") {
		t.Errorf("code %d: %s", code, said)
	}
}

// TestReadme: the README quotes the newest kept run and nothing else.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil || !strings.Contains(string(text), page.Begin) {
		t.Skip("the README has no section with the markers yet")
	}
	b, _, said := newBench(t)
	if code := b.run(t.Context(), []string{"report", "--check", "../README.md", "--results", "results"}); code != 0 {
		t.Error(said)
	}
}

func TestInterleave(t *testing.T) {
	t.Parallel()
	var order strings.Builder
	note := func(s string) func(int) error {
		return func(int) error { order.WriteString(s); return nil }
	}
	if err := interleave(4, note("A"), note("B")); err != nil || order.String() != "ABBAABBA" {
		t.Errorf("%s, %v", &order, err)
	}
}

func TestSized(t *testing.T) {
	t.Parallel()
	p, full := fullPlan().sized(3000), fullPlan()
	if p.orders != 3000 || p.rich != 200 || p.events != 20_000 || p.naive != 100 || p.growth.base != 1000 || p.pairs != full.pairs {
		t.Errorf("a hundredth: %+v", p)
	}
	if p := full.sized(600_000); p.orders != 600_000 || p.events != full.events || p.growth.base != full.growth.base {
		t.Errorf("twice as many: %+v", p)
	}
}
