package page

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// update rewrites the golden files: go test ./bench/internal/page -update.
var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

// made is a run as it could have been, slower by the factor.
func made(run, commit string, slower float64) []result.Result {
	day, err := time.Parse("20060102t150405", run)
	if err != nil {
		panic(err)
	}
	stamp := result.Stamp{
		Schema: 1, Run: run, Commit: commit, Mode: "quick", Date: day,
		Machine:  result.Machine{CPU: "Test CPU", Cores: 2, MemoryMB: 24_000, Kernel: "6.1", System: "linux/amd64"},
		Versions: map[string]string{"go": "go1.26", "postgres": "15.1", "elasticsearch": "8.19.21"},
		Servers:  map[string]string{"postgres.fsync": "on", "elasticsearch.heap": "2048MB"},
	}
	var all []result.Result
	add := func(m result.Measurement) {
		m.Shape, m.Orders = "plain", 100_000*max(m.Settings.Factor, 1)
		all = append(all, result.Result{Stamp: stamp, Measurement: m})
	}
	add(result.Measurement{What: result.Seed, Documents: 100_000, Seconds: 5})
	for i, noise := range []float64{1, 1.02, 0.97} {
		pair := i + 1
		add(result.Measurement{
			What: result.Copy, Series: "null", Pair: pair, Documents: 500_000, Bytes: 90e6,
			Settings: result.Settings{Connections: 4}, Seconds: 0.5 * noise,
		})
		add(result.Measurement{
			What: result.Rebuild, Target: "null", Series: "null", Pair: pair, Documents: 100_000, Bytes: 173e6, Seconds: 0.75 * slower,
			Figures: map[string]float64{figure.OwnCPU: 0.5 * slower * noise, figure.RSS: 80, figure.Allocs: 1.5},
		})
	}
	for pair := 1; pair <= 3; pair++ {
		add(result.Measurement{
			What: result.Query, Target: "null", Series: "null", Pair: pair, Documents: 100_000, Bytes: 173e6, Seconds: 2,
			Figures: map[string]float64{figure.OwnCPU: 0.4, figure.PostgresCPU: 3},
		})
	}
	for _, s := range []result.Settings{{Writers: 2, BatchMB: 4, Shards: 2}, {Writers: 4, BatchMB: 4, Shards: 1}} {
		add(result.Measurement{What: result.Firehose, Target: "elasticsearch", Documents: 100_000, Bytes: 173e6, Settings: s, Seconds: 4 - float64(s.Writers)/4})
	}
	for i, noise := range []float64{1, 1.05, 0.96} {
		pair := i + 1
		add(result.Measurement{What: result.BothEnds, Target: "elasticsearch", Series: "e2e", Pair: pair, Documents: 100_000, Bytes: 173e6, Seconds: 3.2})
		add(result.Measurement{
			What: result.Rebuild, Target: "elasticsearch", Series: "e2e", Pair: pair, Documents: 100_000, Bytes: 173e6, Seconds: 3.4 * noise * slower,
			Figures: map[string]float64{figure.BulkP50: 80, figure.BulkP99: 200, figure.Verify: 1.2, figure.Whole: 5, figure.OwnCPU: 0.9, figure.PostgresCPU: 0.7, figure.SearchCPU: 5},
		})
		add(result.Measurement{What: result.Scan, Target: "elasticsearch", Documents: 100_000, Bytes: 190e6, Seconds: 0.6})
		add(result.Measurement{What: result.Verify, Target: "elasticsearch", Series: "repair", Pair: pair, Documents: 100_000, Bytes: 173e6, Seconds: 1.3 * noise})
		add(result.Measurement{What: result.Repair, Target: "elasticsearch", Series: "repair", Pair: pair, Documents: 100_000, Bytes: 173e6, Seconds: 1.5})
	}
	for _, bulk := range []int{1, 100} {
		add(result.Measurement{What: result.Naive, Target: "elasticsearch", Documents: 3000, Bytes: 5e6, Settings: result.Settings{BatchDocs: bulk}, Seconds: 12 / float64(bulk)})
	}
	events := func(m result.Measurement) {
		m.Shape, m.Orders, m.Series, m.Pair = "events", 50_000, "events", 1
		if m.Figures == nil {
			m.Figures = map[string]float64{}
		}
		m.Figures[figure.Events] = 500_000
		all = append(all, result.Result{Stamp: stamp, Measurement: m})
	}
	events(result.Measurement{What: result.Fetch, Documents: 500_000, Bytes: 125e6, Seconds: 0.25, Settings: result.Settings{Connections: 4}})
	for settings, seconds := range map[result.Settings]float64{{Fold: "handlers"}: 0.7, {Fold: "javascript"}: 1.1, {Fold: "handlers", MemoryMB: 12.5}: 2} {
		events(result.Measurement{
			What: result.Fold, Target: "null", Documents: 50_000, Bytes: 30e6, Seconds: seconds, Settings: settings,
			Figures: map[string]float64{figure.OwnCPU: 1.2 * seconds, figure.RSS: 300},
		})
	}
	for _, factor := range []int{1, 10} {
		add(result.Measurement{
			What: result.Rebuild, Target: "null", Series: "scale", Documents: 100_000, Seconds: 0.7, Settings: result.Settings{Factor: factor, Connections: 2},
			Figures: map[string]float64{figure.OwnCPU: 0.5, figure.RSS: 81},
		})
	}
	return all
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	golden(t, "table.md", Markdown([][]result.Result{made("20260101t120000", "aaaaaaaaaa", 1.1), made("20260202t120000", "bbbbbbbbbb", 1)}))
}

// TestSummary: the newest full run is the one that is spoken of, all are in the trend.
func TestSummary(t *testing.T) {
	t.Parallel()
	full := made("20260101t120000", "aaaaaaaaaa", 1.1)
	full = slices.DeleteFunc(full, func(r result.Result) bool {
		return r.Shape == "events" || r.What == result.Repair || r.What == result.Query
	})
	for i := range full {
		full[i].Mode = "full"
	}
	golden(t, "summary.md", Summary([][]result.Result{full, made("20260202t120000", "bbbbbbbbbb", 1)}, "results/bench.svg", "results/figures.md"))
	if Summary([][]result.Result{{{}}}, "", "") != "" {
		t.Error("a summary of nothing")
	}
}

func TestSVG(t *testing.T) {
	t.Parallel()
	runs := [][]result.Result{made("20260101t120000", "aaaaaaaaaa", 1.1), made("20260202t120000", "bbbbbbbbbb", 1)}
	picture := SVG(runs)
	golden(t, "picture.svg", picture)
	for in := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := in.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
	if strings.Contains(strings.ReplaceAll(picture, "http://www.w3.org/2000/svg", ""), "http") {
		t.Error("the picture needs something from outside")
	}
	if one := SVG(runs[:1]); strings.Contains(one, "polyline") {
		t.Error("one run has no trend")
	}
	if SVG([][]result.Result{{{}}}) != "" {
		t.Error("a picture of nothing")
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	a, b := made("20260101t120000", "aaaaaaaaaa", 1), made("20260202t120000", "bbbbbbbbbb", 1.3)
	worse := Compare(a, b, 0.10)
	golden(t, "compare.txt", Changes(a[0].Stamp, b[0].Stamp, worse))
	regressed := func(changes []Change) (names []string) {
		for _, c := range changes {
			if c.Regressed {
				names = append(names, c.Figure)
			}
		}
		return names
	}
	if got := strings.Join(regressed(worse), " "); got != "e2e_vs_limit null_vs_copy cpu_s_per_million_docs" {
		t.Errorf("regressed: %s", got)
	}
	if got := regressed(Compare(a, b, 0.5)); got != nil {
		t.Errorf("beyond a bound of 50 %%: %v", got)
	}
	if got := regressed(Compare(b, a, 0.1)); got != nil {
		t.Errorf("it became better, but regressed: %v", got)
	}
	if got := regressed(Compare(a, made("20260202t120000", "bbbbbbbbbb", 1.02), 0.001)); got != nil {
		t.Errorf("within noise, but regressed: %v", got)
	}
}

func TestCompareMachines(t *testing.T) {
	t.Parallel()
	a, b := made("20260101t120000", "aaaaaaaaaa", 1), made("20260202t120000", "bbbbbbbbbb", 3)
	for i := range b {
		b[i].Machine.Cores = 64
	}
	for _, c := range Compare(a, b, 0.1) {
		if c.Figure == "cpu_s_per_million_docs" || c.Figure == "rss_mb" {
			t.Errorf("%s was compared between different machines", c.Figure)
		}
	}
	if text := Changes(a[0].Stamp, b[0].Stamp, nil); !strings.Contains(text, "machines differ") || !strings.Contains(text, "no figure in common") {
		t.Errorf("the comparison does not say what it left out:\n%s", text)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	text := "# How fast\n" + Begin + "\nold\n" + End + "\nmore\n"
	now, err := Quote(text, "new\n")
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := Quoted(now)
	if err != nil || quoted != "new\n" || !strings.HasPrefix(now, "# How fast\n") || !strings.HasSuffix(now, "\nmore\n") {
		t.Errorf("%q, quoted %q, %v", now, quoted, err)
	}
	for _, bad := range []string{"", Begin, End + Begin} {
		if _, err := Quote(bad, ""); err == nil || !strings.Contains(err.Error(), "the page has no line") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{0: "0", 12: "12", 123: "123", 1234: "1,234", 1234567.6: "1,234,568", -1234: "-1,234", -123: "-123"} {
		if got := thousands(f); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}
