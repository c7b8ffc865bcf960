package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
	"humpty/bench/internal/tpch"
	"humpty/internal/testenv/shop"
)

// lab is where measurements of one data set are made.
type lab struct {
	*bench
	servers *servers
	rec     *recorder
	orders  int
	shape   shop.Shape

	corpus *raw.Corpus
	reads  []string // COPY statements
	search map[string]*raw.Search
	made   map[string]string // indices there are → product

	warming bool
}

func (b *bench) newLab(ctx context.Context, mode string, products ...string) (*lab, error) {
	if err := b.data.check(); err != nil {
		return nil, err
	}
	s, err := b.up(ctx, products...)
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
		Connections: l.data.connections, Writers: l.data.writers, Batch: int(l.data.batchMB * (1 << 20)), Shards: shards,
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

// uncounted does work whose measurements are not kept: a warm-up.
func (l *lab) uncounted(work func() error) error {
	was := l.warming
	l.warming = true
	defer func() { l.warming = was }()
	return work()
}

// seed fills the database unless it holds what is asked for.
func (l *lab) seed(ctx context.Context, anew bool) error {
	conn, err := pgx.Connect(ctx, l.servers.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	has, found, err := inDatabase(ctx, conn)
	if err != nil {
		return err
	}
	want := filled{By: "bench", Shape: l.shape, Orders: l.orders, TPCH: l.data.tpch}
	if l.data.tpch != "" {
		want.Orders = has.Orders // as many as the files have
	}
	if found && has == want && !anew {
		l.orders = has.Orders
		l.say("the database holds %d orders, shape %s, from before", l.orders, l.data.label(l.shape))
		return nil
	}
	if err := reserve(ctx, conn); err != nil {
		return err
	}
	start := time.Now()
	size, err := l.fill(ctx)
	if err != nil {
		return err
	}
	took := time.Since(start)
	l.orders = int(size.Orders)
	want.Orders = l.orders
	if err := settle(ctx, conn, want); err != nil {
		return err
	}
	return l.note(result.Measurement{
		What: result.Seed, Documents: size.Orders, Bytes: size.Bytes, Seconds: took.Seconds(),
		Figures: map[string]float64{"lines": float64(size.Lines), "customers": float64(size.Customers)},
	})
}

func (l *lab) fill(ctx context.Context) (shop.Size, error) {
	if l.data.tpch != "" {
		return tpch.Load(ctx, l.servers.dsn, l.data.tpch)
	}
	return shop.Seed(ctx, l.servers.dsn, shop.Options{Orders: l.orders, Shape: l.shape, Seed: seedNumber})
}

// settle writes everything to disk now, so that no measurement pays for it.
func settle(ctx context.Context, conn *pgx.Conn, f filled) error {
	if err := mark(ctx, conn, f); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("settle the database: %w", err)
	}
	return nil
}

// rangesPerConnection lets connections of a raw COPY end at about the same time.
const rangesPerConnection = 8

// capture takes the documents into memory, and prepares the raw reads of their rows.
func (l *lab) capture(ctx context.Context) error {
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
