package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
	"humpty/internal/testenv/shop"
	"humpty/projector"
)

// lab is where measurements of one data set are made.
type lab struct {
	*bench
	servers *servers
	rec     *recorder
	orders  int
	shape   shop.Shape

	corpus *raw.Corpus
	search map[string]*raw.Search
	made   map[string]string // indices there are → product

	warming bool
}

func newLab(ctx context.Context, b *bench, mode string, products ...string) (*lab, error) {
	if err := b.data.check(); err != nil {
		return nil, err
	}
	s, err := startServers(ctx, b.servers, b.say, products...)
	if err != nil {
		return nil, err
	}
	l := &lab{
		bench: b, servers: s, orders: b.data.orders, shape: shop.Shape(b.data.shape),
		rec:    &recorder{stamp: result.NewStamp(ctx, mode)},
		search: map[string]*raw.Search{}, made: map[string]string{},
	}
	for product, address := range s.search {
		l.search[product] = raw.NewSearch(address)
	}
	err = s.describe(ctx, &l.rec.stamp)
	for product := range l.search {
		if err == nil {
			err = l.describeLoad(ctx, product)
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.close(ctx))
	}
	return l, nil
}

// describeLoad notes the settings under which both sides write.
func (l *lab) describeLoad(ctx context.Context, product string) error {
	index, err := l.loadIndex(ctx, product, cell{shards: 1})
	if err != nil {
		return err
	}
	if err := describeIndex(ctx, l.search[product], product, index, &l.rec.stamp); err != nil {
		return err
	}
	return l.drop(ctx, index)
}

// close leaves no index behind and stops what was started.
func (l *lab) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var errs []error
	for _, index := range slices.Sorted(maps.Keys(l.made)) {
		errs = append(errs, l.drop(ctx, index))
	}
	for _, s := range l.search {
		s.Close()
	}
	return errors.Join(append(errs, l.rec.close(), l.servers.close())...)
}

// drop deletes an index of ours and lets the server settle.
func (l *lab) drop(ctx context.Context, index string) error {
	product, ok := l.made[index]
	if !ok {
		return nil
	}
	delete(l.made, index)
	return l.search[product].Delete(ctx, index)
}

// alias is the bench's own in this run.
func (l *lab) alias() string { return "bench-" + l.rec.stamp.Run }

// spec is the engine's part of every measurement.
func (l *lab) spec(target string, shards int) engine.Spec {
	return engine.Spec{
		DSN: l.servers.dsn, Shape: l.shape, Target: target, Search: l.servers.search[target], Alias: l.alias(),
		Connections: l.data.connections, Bulk: engine.Bulk{Writers: l.data.writers, Batch: int(l.data.batchMB * (1 << 20)), Shards: shards},
	}
}

// note records a measurement and says what it was.
func (l *lab) note(m result.Measurement) error {
	m.Shape, m.Orders = l.data.label(l.shape), l.orders
	return l.record(m)
}

func (l *lab) record(m result.Measurement) error {
	if l.warming {
		l.say("%s (warm-up)", sentence(m))
		return nil
	}
	l.say("%s", sentence(m))
	return l.rec.add(m)
}

// warmUp does work whose measurements are not kept: a warm-up.
func (l *lab) warmUp(work func() error) error {
	was := l.warming
	l.warming = true
	defer func() { l.warming = was }()
	return work()
}

// loadIndex makes an index for raw writes, with the settings of a load.
func (l *lab) loadIndex(ctx context.Context, target string, c cell) (string, error) {
	index := l.alias() + "-raw"
	l.made[index] = target // also if the answer comes too late
	return index, engine.LoadIndex(ctx, l.spec(target, c.shards), index)
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
	o, err := l.runChild(ctx, spec)
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
