package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/figure"
	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
)

// limits are measurements of what no engine can beat, with nothing of humpty's in between.
type limits struct {
	*lab
	reads []string // COPY statements
}

// rangesPerConnection lets connections of a raw COPY end at about the same time.
const rangesPerConnection = 8

// capture takes the documents into memory, and prepares the raw reads of their rows.
func (l *limits) capture(ctx context.Context) error {
	corpus, root, err := engine.Capture(ctx, l.spec("null", 0))
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what the engine used here is no longer needed
	l.corpus = corpus
	l.reads, err = raw.Reads(ctx, l.servers.dsn, root, rangesPerConnection*l.data.connections)
	l.say("captured %d documents, %.1f MB", corpus.Documents(), float64(corpus.Bytes())/1e6)
	return err
}

func (l *limits) copy(ctx context.Context, h half) error {
	postgres := engine.Server(l.servers.dsn)
	before := engine.CPU(postgres)
	c, err := raw.Copy(ctx, l.servers.dsn, l.reads, l.data.connections)
	if err != nil {
		return err
	}
	m := result.Measurement{
		What: result.Copy, Series: h.series, Pair: h.pair, Documents: c.Rows, Bytes: c.Bytes, Seconds: c.Seconds,
		Settings: result.Settings{Connections: l.data.connections}, Figures: map[string]float64{},
	}
	if postgres != 0 {
		m.Figures[figure.PostgresCPU] = engine.CPU(postgres) - before
	}
	return l.note(m)
}

// cell is one point of the grid of a firehose.
type cell struct {
	writers int
	batchMB float64
	shards  int
}

func (c cell) settings() result.Settings {
	return result.Settings{Writers: c.writers, BatchMB: c.batchMB, Shards: c.shards}
}

func (c cell) batches(corpus *raw.Corpus) []raw.Batch {
	return corpus.Batches(int(c.batchMB * (1 << 20)))
}

// fire sends the corpus to a fresh index. It is gone afterwards.
func (l *limits) fire(ctx context.Context, target string, c cell) (seconds float64, err error) {
	index, err := l.loadIndex(ctx, target, c)
	if err != nil {
		return 0, err
	}
	server := engine.Server(l.servers.search[target])
	before := engine.CPU(server)
	shots, err := raw.Firehose(ctx, l.search[target], index, c.batches(l.corpus), c.writers)
	if err != nil {
		return 0, err
	}
	m := l.shot(result.Firehose, target, c, shots)
	if server != 0 {
		m.Figures[figure.SearchCPU] = engine.CPU(server) - before
	}
	m.Seconds = shots.Seconds
	return shots.Seconds, l.finish(ctx, target, index, m)
}

// both does that with the raw reads beside it.
func (l *limits) both(ctx context.Context, target string, c cell, h half) error {
	index, err := l.loadIndex(ctx, target, c)
	if err != nil {
		return err
	}
	both, err := raw.BothEnds(ctx, l.search[target], index, c.batches(l.corpus), c.writers, l.servers.dsn, l.reads, l.data.connections)
	if err != nil {
		return err
	}
	m := l.shot(result.BothEnds, target, c, both.Shots)
	m.Series, m.Pair, m.Seconds = h.series, h.pair, both.Seconds
	m.Settings.Connections = l.data.connections
	m.Figures["copy_s"], m.Figures["firehose_s"] = both.Copied.Seconds, both.Shots.Seconds
	return l.finish(ctx, target, index, m)
}

func (l *limits) shot(what result.What, target string, c cell, s raw.Shots) result.Measurement {
	return result.Measurement{
		What: what, Target: target, Documents: l.corpus.Documents(), Bytes: l.corpus.Bytes(), Settings: c.settings(),
		Figures: map[string]float64{
			"refresh_s":     s.Refresh,
			figure.BulkP50:  result.Quantile(s.Latencies, 0.50),
			figure.BulkP99:  result.Quantile(s.Latencies, 0.99),
			"bulk_requests": float64(len(s.Latencies)),
		},
	}
}

// finish checks that everything arrived, drops the index and notes the measurement.
func (l *limits) finish(ctx context.Context, target, index string, m result.Measurement) error {
	n, err := l.search[target].Count(ctx, index)
	if err != nil {
		return err
	}
	if n != l.corpus.Documents() {
		return fmt.Errorf("index %s has %d documents after a firehose of %d: the measurement is worth nothing", index, n, l.corpus.Documents())
	}
	if err := l.drop(ctx, index); err != nil {
		return err
	}
	return l.note(m)
}

// Slices and page of a scan that were the fastest on a small machine.
const (
	scanSlices = 4
	scanPage   = 2000
)

func (l *limits) scan(ctx context.Context, target, index string, documents int64) error {
	s, err := raw.Scan(ctx, l.search[target], index, target == "opensearch", scanSlices, scanPage)
	if err != nil {
		return err
	}
	if s.Documents != documents {
		return fmt.Errorf("the scan of %s gave %d documents, not %d: the measurement is worth nothing", index, s.Documents, documents)
	}
	return l.note(result.Measurement{
		What: result.Scan, Target: target, Documents: s.Documents, Bytes: s.Bytes, Seconds: s.Seconds,
		Settings: result.Settings{Slices: scanSlices, Page: scanPage},
	})
}

// naive runs what people write first over the first documents.
func (l *limits) naive(ctx context.Context, target string, documents, bulk int) error {
	definition, err := engine.PlainIndex(l.spec(target, l.data.shards))
	if err != nil {
		return err
	}
	index := l.alias() + "-naive"
	if _, err := l.search[target].Call(ctx, "PUT", "/"+index, definition); err != nil {
		return err
	}
	l.made[index] = target
	n, err := raw.Naive(ctx, l.servers.dsn, l.search[target], index, documents, bulk)
	if err != nil {
		return err
	}
	if err := l.drop(ctx, index); err != nil {
		return err
	}
	return l.note(result.Measurement{
		What: result.Naive, Target: target, Documents: n.Documents, Bytes: n.Bytes, Seconds: n.Seconds,
		Settings: result.Settings{BatchDocs: bulk, Shards: l.data.shards},
	})
}

// grid fires at every cell once, at the best ones again, and returns the best by the
// median of all its shots.
func (l *limits) grid(ctx context.Context, target string, p plan) (cell, error) {
	seconds := map[cell][]float64{}
	shoot := func(cells []cell) error {
		for _, c := range cells {
			s, err := l.fire(ctx, target, c)
			if err != nil {
				return err
			}
			seconds[c] = append(seconds[c], s)
		}
		return nil
	}
	err := l.warmUp(func() error { // the server is cold
		_, err := l.fire(ctx, target, p.cells[0])
		return err
	})
	if err != nil {
		return cell{}, err
	}
	if err := shoot(p.cells); err != nil {
		return cell{}, err
	}
	order := slices.Clone(p.cells)
	slices.SortStableFunc(order, func(a, b cell) int { return compareMedians(seconds[a], seconds[b]) })
	finalists := order[:min(p.finalists, len(order))]
	for range p.repeats {
		if err := shoot(finalists); err != nil {
			return cell{}, err
		}
	}
	best := slices.MinFunc(finalists, func(a, b cell) int { return compareMedians(seconds[a], seconds[b]) })
	l.say("best of the grid: %d writers × %g MB, %d shards", best.writers, best.batchMB, best.shards)
	return best, nil
}
