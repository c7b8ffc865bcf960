package main

import (
	"context"
	"fmt"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/figure"
	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
	"humpty/projector"
)

// half says which half of a pair a measurement is; zero for none.
type half struct {
	series string
	pair   int
}

func (l *lab) copy(ctx context.Context, h half) error {
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

// rebuild runs the engine into a target; the index stays, under the name returned, until
// it is dropped.
func (l *lab) rebuild(ctx context.Context, target string, shards int, h half, factor int) (index string, err error) {
	return l.rebuilt(ctx, result.Rebuild, l.spec(target, shards), h, factor)
}

// query rebuilds into nothing from a query in which PostgreSQL builds the JSON.
func (l *lab) query(ctx context.Context, h half) error {
	spec := l.spec("null", 0)
	spec.Query = true
	_, err := l.rebuilt(ctx, result.Query, spec, h, 0)
	return err
}

func (l *lab) rebuilt(ctx context.Context, what result.What, spec engine.Spec, h half, factor int) (index string, err error) {
	target := spec.Target
	spec.Level = projector.LevelFull
	if target == "null" {
		spec.Level, spec.Shards = projector.LevelCount, 0 // nothing is there to be read back
	}
	o, err := l.alone(ctx, spec)
	if err != nil {
		return "", err
	}
	settings := result.Settings{
		Connections: spec.Connections, Writers: spec.Writers, BatchMB: l.data.batchMB, Shards: spec.Shards, Factor: factor,
	}
	if target != "null" {
		index = o.Record.Generation
		l.made[index] = target
	}
	return index, l.note(result.Measurement{
		What: what, Target: target, Series: h.series, Pair: h.pair, Settings: settings,
		Documents: o.Record.Ledger.Written, Bytes: o.Record.Ledger.Bytes, Seconds: o.Seconds, Figures: o.Figures,
	})
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
func (l *lab) fire(ctx context.Context, target string, c cell) (seconds float64, err error) {
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
func (l *lab) both(ctx context.Context, target string, c cell, h half) error {
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

func (l *lab) shot(what result.What, target string, c cell, s raw.Shots) result.Measurement {
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
func (l *lab) finish(ctx context.Context, target, index string, m result.Measurement) error {
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

// loadIndex makes an index for raw writes, with the settings of a load.
func (l *lab) loadIndex(ctx context.Context, target string, c cell) (string, error) {
	index := l.alias() + "-raw"
	l.made[index] = target // also if the answer comes too late
	return index, engine.LoadIndex(ctx, l.spec(target, c.shards), index)
}

// Slices and page of a scan that were the fastest on a small machine.
const (
	scanSlices = 4
	scanPage   = 2000
)

func (l *lab) scan(ctx context.Context, target, index string, documents int64) error {
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
func (l *lab) naive(ctx context.Context, target string, documents, bulk int) error {
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
