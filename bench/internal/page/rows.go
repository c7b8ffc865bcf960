package page

import (
	"fmt"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// row is one line of the table: what was done, how long it took, against what.
type row struct {
	label   string
	bold    bool
	group   group
	against result.Estimate // times the limit
	limit   string          // which
	note    string          // more about that
}

// rowsOf lists what a run says about one combination, limits before what they limit.
func rowsOf(run []result.Result, c combination) []row {
	of := func(what result.What, target, series string) group {
		return pick(run, func(r result.Result) bool {
			return r.Shape == c.shape && r.What == what && (target == "*" || r.Target == target) && r.Series == series
		})
	}
	h := result.HeadlineOf(run, c.shape, c.target)
	copies := of(result.Copy, "", figure.SeriesNull)
	rows := []row{
		{label: fmt.Sprintf("raw binary COPY of the rows, %d connections", copies.settings().Connections), group: copies},
		{label: "rebuild into nothing (null sink)", bold: true, group: of(result.Rebuild, "null", figure.SeriesNull), against: h.Null, limit: "× COPY"},
	}
	if queries := of(result.Query, "null", figure.SeriesNull); len(queries) > 0 {
		rows = append(rows, row{
			label: "the same documents by a `query:` whose JSON PostgreSQL builds", group: queries,
			against: h.Query, limit: "× the reader", note: queryNote(queries, of(result.Rebuild, "null", figure.SeriesNull)),
		})
	}
	if c.target != "" {
		rows = append(rows, searchRows(c, h, of)...)
	}
	return drop(rows)
}

func searchRows(c combination, h result.Headline, of func(result.What, string, string) group) []row {
	name := product(c.target)
	fire := best(of(result.Firehose, c.target, ""))
	s := fire.settings()
	return []row{
		{
			label: fmt.Sprintf("raw `_bulk` of the same documents from memory, best of the grid: %d × %g MB, %s", s.Writers, s.BatchMB, shards(s.Shards)),
			group: fire,
		},
		{label: "both ends at once: that `_bulk` beside that COPY", group: of(result.BothEnds, c.target, figure.SeriesE2E)},
		{label: "rebuild into " + name, bold: true, group: of(result.Rebuild, c.target, figure.SeriesE2E), against: h.E2E, limit: "× both ends"},
		{label: "raw scan of the index, " + name, group: of(result.Scan, c.target, "")},
		{label: "full verification before the swap", group: verifications(of(result.Rebuild, c.target, figure.SeriesE2E)), against: h.Gate, limit: "× rebuild", note: gateNote(h)},
		{label: "full verification of the live index", group: of(result.Verify, c.target, figure.SeriesRepair)},
		{label: "repair of 1 % drift in it", group: of(result.Repair, c.target, figure.SeriesRepair), against: h.Repair, limit: "× that verification", note: "; the bound is 1.25"},
		{label: "naive: one loop, one document a request", group: naives(of, c.target, 1), against: h.Naive, limit: "× slower than the rebuild, by rate"},
		{label: "naive: one loop, bulks of 100 documents", group: naives(of, c.target, 100)},
	}
}

func queryNote(query, reader group) string {
	return fmt.Sprintf("; PostgreSQL %.2f s of CPU instead of %.2f, own %.2f instead of %.2f",
		query.figure(figure.PostgresCPU).Median, reader.figure(figure.PostgresCPU).Median,
		query.figure(figure.OwnCPU).Median, reader.figure(figure.OwnCPU).Median)
}

func gateNote(h result.Headline) string {
	note := "; the bound is 0.40"
	if h.Floor.N > 0 {
		note += fmt.Sprintf("; %s × raw scan", h.Floor)
	}
	return note
}

// verifications are the gates of rebuilds, as measurements of their own.
func verifications(rebuilds group) group {
	var g group
	for _, r := range rebuilds {
		if r.Seconds = r.Figures[figure.Verify]; r.Seconds > 0 {
			r.What, r.Figures = result.Verify, nil
			g = append(g, r)
		}
	}
	return g
}

func naives(of func(result.What, string, string) group, target string, bulk int) group {
	return pick(of(result.Naive, target, ""), func(r result.Result) bool { return r.Settings.BatchDocs == bulk })
}

func drop(rows []row) []row {
	var kept []row
	for _, r := range rows {
		if len(r.group) > 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

func shards(n int) string {
	if n == 1 {
		return "1 shard"
	}
	return fmt.Sprintf("%d shards", n)
}
