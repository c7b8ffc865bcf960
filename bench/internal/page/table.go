package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// Markdown renders the main run with its conditions, the trend of the ratios over all
// runs (oldest first), and what the figures do not say.
func Markdown(runs [][]result.Result) string {
	run := Main(runs)
	var b strings.Builder
	b.WriteString(conditions(run) + "\n")
	for _, c := range combinations(run) {
		b.WriteString("\n" + table(run, c))
		b.WriteString("\n" + cost(run, c))
	}
	for _, t := range []string{eventsTable(run), growth(run), trend(runs, 0)} {
		if t != "" {
			b.WriteString("\n" + t)
		}
	}
	b.WriteString("\n" + notes(run))
	return b.String()
}

func conditions(run []result.Result) string {
	r := run[0]
	return fmt.Sprintf("Measured by `%s` on %s at commit %s: %d × %s, %d GB of memory, %s %s, %s; %s.",
		commandOf(r), r.Date.Format("2006-01-02"), r.ShortCommit(), r.Machine.Cores, r.Machine.CPU, (r.Machine.MemoryMB+512)/1024,
		r.Machine.System, r.Machine.Kernel, r.Versions["go"], servers(r))
}

func commandOf(r result.Result) string {
	if r.Mode == "quick" || r.Mode == "full" || r.Mode == "events" {
		return "go run ./bench run --" + r.Mode
	}
	return "go run ./bench " + r.Mode
}

func table(run []result.Result, c combination) string { return render(run, c, rowsOf(run, c)) }

func render(run []result.Result, c combination, rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | seconds | documents/s | MB/s | times its limit |\n|---|--:|--:|--:|--:|\n", title(run, c))
	for _, r := range rows {
		label, against := r.label, "–"
		if r.bold {
			label = "**" + label + "**"
		}
		if r.against.N > 0 {
			against = r.against.String() + " " + r.limit + r.note
		}
		rate := thousands(r.group.perSecond().Median)
		if r.group[0].What == result.Copy { // of the documents that these rows make
			rate = thousands(float64(documents(run, c)) / r.group.seconds().Median)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.3g | %s |\n", label, r.group.seconds(), rate, r.group.mb().Median, against)
	}
	return b.String()
}

// documents that a combination is about.
func documents(run []result.Result, c combination) int64 {
	for _, r := range run {
		if r.Shape == c.shape && r.What == result.Rebuild {
			return r.Documents
		}
	}
	return 0
}

func title(run []result.Result, c combination) string {
	g := pick(run, func(r result.Result) bool { return r.Shape == c.shape && r.What == result.Rebuild && r.Series != "" })
	r := g[0]
	return fmt.Sprintf("shape %s, %s documents of %.2f KB", c.shape, thousands(float64(r.Documents)), float64(r.Bytes)/float64(max(r.Documents, 1))/1e3)
}

// cost is what the rebuild used.
func cost(run []result.Result, c combination) string {
	text := ownCost(run, c)
	e2e := pick(run, func(r result.Result) bool {
		return r.Shape == c.shape && r.Target == c.target && r.What == result.Rebuild && r.Series == figure.SeriesE2E
	})
	if len(e2e) > 0 {
		text += fmt.Sprintf(" Into %s: bulk requests take %.0f ms (p50) and %.0f ms (p99), %.0f retries; full verification %s s; from plan to swap %s s; CPU seconds: own %s, PostgreSQL %s, %s %s.",
			product(c.target), e2e.figure(figure.BulkP50).Median, e2e.figure(figure.BulkP99).Median, e2e.figure(figure.Retries).Median,
			e2e.figure(figure.Verify), e2e.figure(figure.Whole), e2e.figure(figure.OwnCPU), e2e.figure(figure.PostgresCPU),
			product(c.target), e2e.figure(figure.SearchCPU))
	}
	return text + "\n"
}

// ownCost is what the engine's process used where nothing was written.
func ownCost(run []result.Result, c combination) string {
	null := pick(run, func(r result.Result) bool {
		return r.Shape == c.shape && r.What == result.Rebuild && r.Series == figure.SeriesNull
	})
	h := result.HeadlineOf(run, c.shape, c.target)
	return fmt.Sprintf("Into the null sink: %s s of own CPU a million documents, %s MB peak RSS, %s allocations a document.",
		h.CPU, h.RSS, null.figure(figure.Allocs))
}

// trend is the ratios of each run, most rows of them, 0 for all: they alone can be
// compared between machines.
func trend(runs [][]result.Result, most int) string {
	var b strings.Builder
	rows := 0
	for _, run := range slices.Backward(runs) {
		for _, c := range combinations(run) {
			if rows++; most > 0 && rows > most {
				break
			}
			h := result.HeadlineOf(run, c.shape, c.target)
			fmt.Fprintf(&b, "| %s | %s | %s | %s %s | %s | %s | %s | %s | %s | %s |\n", run[0].Date.Format("2006-01-02"), run[0].ShortCommit(), run[0].Mode,
				thousands(float64(h.Orders)), c.shape, product(c.target), h.E2E, h.Null, h.Naive, h.Gate, h.Repair)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "| date | commit | run | orders | target | rebuild ÷ both ends | null sink ÷ COPY | naive, × slower | verify ÷ rebuild | repair ÷ verify |\n|---|---|---|--:|---|--:|--:|--:|--:|--:|\n" + b.String()
}

func notes(run []result.Result) string {
	text := []string{
		"Ratios are medians over interleaved pairs (A B, B A, …), pair by pair, with the distribution-free 95 % interval of the median in brackets; below six pairs the bracket is smallest to largest (three pairs: 75 %).",
		"Servers, engine and generator share the machine and its cores, so absolute figures say little about another machine; the ratios say how far the engine is from what this one could do.",
		"A rebuild's seconds run from the first read to the end of the refresh; plan, verification, copies and swap come on top (“from plan to swap”). Both sides write into indices made by the same call: same mapping, shards, ids, `external_gte` versions and bytes, refresh off, no copies, asynchronous translog.",
		"MB/s of COPY are bytes of its binary stream, all others bytes of documents (of answers, for the scan). The raw sides check only that nothing was refused; the rebuild takes a verdict for each document.",
		naiveNote(run),
		"One search node: copies (replicas) cannot be placed, so their cost is in no figure.",
		eventsNote(run),
	}
	text = slices.DeleteFunc(text, func(s string) bool { return s == "" })
	return "- " + strings.Join(text, "\n- ") + "\n" + settingsNote(run[0].Servers)
}

func eventsNote(run []result.Result) string {
	if eventsTable(run) == "" {
		return ""
	}
	return "Raw fetch of events reads values into one buffer and looks at nothing: not at transactions, keys or JSON, all of which a fold must."
}

func naiveNote(run []result.Result) string {
	g := pick(run, func(r result.Result) bool { return r.What == result.Naive })
	if len(g) == 0 {
		return ""
	}
	return fmt.Sprintf("The naive loop ran over %s documents only and is compared by rate: its time for all of them is extrapolated. Its index keeps the server's defaults (refresh each second when searched, one copy that has no node, translog synced with each request).",
		thousands(float64(g[0].Documents)))
}

func settingsNote(settings map[string]string) string {
	if len(settings) == 0 {
		return ""
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		all = append(all, name+"="+settings[name])
	}
	return "- Settings: `" + strings.Join(all, "`, `") + "`\n"
}
