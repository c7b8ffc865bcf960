package result

import "humpty/bench/internal/figure"

// subject is what a headline is about.
type subject struct {
	Run    string `json:"run"`
	Commit string `json:"commit"`
	Dirty  bool   `json:"dirty"`
	Mode   string `json:"mode"`
	Shape  string `json:"shape"`
	Target string `json:"target"` // of e2e and naive
	Orders int    `json:"orders"`
}

// Headline is what a run comes to. Ratios are of walls, pair by pair: 1.10 is ten
// percent slower than the limit.
type Headline struct {
	subject

	E2E   Estimate `json:"e2e_vs_limit"`           // rebuild ÷ both ends at once
	Null  Estimate `json:"null_vs_copy"`           // rebuild into the null sink ÷ raw COPY
	CPU   Estimate `json:"cpu_s_per_million_docs"` // own process, null sink
	RSS   Estimate `json:"rss_mb"`                 // own process, null sink
	Naive Estimate `json:"naive_vs_rebuild"`       // seconds a document: naive ÷ rebuild

	Query  Estimate `json:"query_vs_reader"`   // JSON built by PostgreSQL ÷ the reader, into the null sink
	Gate   Estimate `json:"verify_vs_rebuild"` // full verification before the swap ÷ rebuild: 0.40 at most
	Floor  Estimate `json:"verify_vs_scan"`    // the same ÷ raw scan of that index
	Repair Estimate `json:"repair_vs_verify"`  // repair after 1 % drift ÷ verification of the right index: 1.25 at most

	Rebuild Estimate `json:"rebuild_docs_per_s"` // this machine only
}

// HeadlineOf says what one run comes to, for one shape and search product. What was not
// measured has an Estimate with N 0.
func HeadlineOf(run []Result, shape, target string) Headline {
	h := Headline{subject: subject{Shape: shape, Target: target}}
	var cpu, rss, naive, rate []float64
	for _, r := range run {
		if r.Shape != shape {
			continue
		}
		h.Run, h.Commit, h.Dirty, h.Mode = r.Run, r.Commit, r.Dirty, r.Mode
		switch {
		case r.What == Rebuild && r.Series == figure.SeriesNull && r.Documents > 0:
			h.Orders = r.Orders
			cpu = append(cpu, r.Figures[figure.OwnCPU]/float64(r.Documents)*1e6)
			rss = append(rss, r.Figures[figure.RSS])
		case r.What == Rebuild && r.Series == figure.SeriesE2E && r.Target == target:
			h.Orders = r.Orders
			rate = append(rate, r.PerSecond())
		case r.What == Naive && r.Target == target && r.Settings.BatchDocs == 1:
			naive = append(naive, r.PerSecond())
		}
	}
	h.E2E = EstimateOf(Ratios(run, shape, target, figure.SeriesE2E, Rebuild, BothEnds))
	h.Null = EstimateOf(Ratios(run, shape, "", figure.SeriesNull, Rebuild, Copy))
	h.CPU, h.RSS, h.Rebuild = EstimateOf(cpu), EstimateOf(rss), EstimateOf(rate)
	h.Query = EstimateOf(Ratios(run, shape, "null", figure.SeriesNull, Query, Rebuild))
	h.Gate, h.Floor = gates(run, shape, target)
	h.Repair = EstimateOf(Ratios(run, shape, target, figure.SeriesRepair, Repair, Verify))
	h.Naive = EstimateOf(faster(rate, EstimateOf(naive).Median))
	return h
}

// faster is each rate as a multiple of the slow one, which was not measured in pairs: it
// takes too long, and its distance is far beyond the noise.
func faster(rates []float64, slow float64) []float64 {
	if slow == 0 {
		return nil
	}
	var times []float64
	for _, r := range rates {
		times = append(times, r/slow)
	}
	return times
}

// Ratios are the quotients of the seconds of two measurements in each complete pair of a
// series, in the order of the pairs. An empty target matches every one.
func Ratios(run []Result, shape, target, series string, over, under What) []float64 {
	type halves struct{ over, under float64 }
	pairs := map[int]halves{}
	last := 0
	for _, r := range run {
		if r.Shape != shape || r.Series != series || target != "" && r.Target != target {
			continue
		}
		p := pairs[r.Pair]
		switch r.What {
		case over:
			p.over = r.Seconds
		case under:
			p.under = r.Seconds
		}
		pairs[r.Pair] = p
		last = max(last, r.Pair)
	}
	var all []float64
	for i := range last + 1 {
		if p := pairs[i]; p.over > 0 && p.under > 0 {
			all = append(all, p.over/p.under)
		}
	}
	return all
}

// gates relates each full verification before a swap to its rebuild, and to the raw scan
// that follows.
func gates(run []Result, shape, target string) (rebuild, scan Estimate) {
	var ofRebuild, ofScan []float64
	last := 0.0
	for _, r := range run {
		if r.Shape != shape || r.Target != target || target == "" {
			continue
		}
		switch verified := r.Figures[figure.Verify]; {
		case r.What == Rebuild && r.Series == figure.SeriesE2E && verified > 0 && r.Seconds > 0:
			ofRebuild, last = append(ofRebuild, verified/r.Seconds), verified
		case r.What == Scan && last > 0 && r.Seconds > 0:
			ofScan, last = append(ofScan, last/r.Seconds), 0
		}
	}
	return EstimateOf(ofRebuild), EstimateOf(ofScan)
}
