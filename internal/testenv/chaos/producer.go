package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/wait"
)

// producer is the part of an application that produces events, in transactions and without, and
// keeps in the oracle's tables what they fold to.
type producer struct {
	world         *world
	facts         *session // where the oracle's tables are
	transactional *kgo.Client
	plain         *kgo.Client

	mu     sync.Mutex                   // of one transaction, or one act
	folds  map[*topic]map[string]fields // by key
	filled map[*topic][]int64           // the ends of the partitions behind the first events
}

// fields are an object's, in the order in which they first came.
type fields []field

type field struct{ name, value string }

func (f fields) with(name, value string) fields {
	f = slices.Clone(f)
	if at := slices.IndexFunc(f, func(x field) bool { return x.name == name }); at >= 0 {
		f[at].value = value
		return f
	}
	return append(f, field{name, value})
}

func newProducer(ctx context.Context, w *world) (_ *producer, err error) {
	p := &producer{world: w, folds: map[*topic]map[string]fields{}, filled: map[*topic][]int64{}}
	options := []kgo.Opt{
		kgo.SeedBrokers(w.Kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000),
		kgo.MetadataMinAge(20 * time.Millisecond), kgo.ProducerLinger(0),
	}
	if p.plain, err = kgo.NewClient(options...); err != nil {
		return nil, err
	}
	if p.transactional, err = kgo.NewClient(append(options, kgo.TransactionalID(w.alias))...); err != nil {
		return nil, err
	}
	if p.facts, err = connect(ctx, w.dsn); err != nil {
		return nil, err
	}
	for _, t := range w.schema.topics {
		p.folds[t] = map[string]fields{}
		if err := p.create(ctx, t); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *producer) close(ctx context.Context) error {
	var err error
	if p.plain != nil {
		for _, t := range p.world.schema.topics {
			err = errors.Join(err, p.remove(ctx, t))
		}
		p.plain.Close()
	}
	if p.transactional != nil {
		p.transactional.Close()
	}
	if p.facts != nil {
		p.facts.close(ctx)
	}
	return err
}

// event is an event, and what it does.
type event struct {
	topic  *topic
	record *kgo.Record
	key    string
	apply  func(fields) fields // nil is nothing; poison has none
}

// event makes a random event.
func (p *producer) event(rng *rand.Rand, n int) event {
	t := p.world.schema.topics[rng.IntN(len(p.world.schema.topics))]
	number := randomID(rng)
	h := event{topic: t, key: t.keys + strconv.Itoa(number)}
	h.record = &kgo.Record{Topic: t.brokerName(p.world.alias), Key: []byte(h.key)}
	for _, c := range h.record.Key {
		h.record.Partition = (h.record.Partition*7 + int32(c)) % int32(t.partitions)
	}
	if t.grown && rng.IntN(4) == 0 { // keys of its own, so that each key has one partition
		number += maxID
		h.key = t.keys + strconv.Itoa(number)
		h.record.Key, h.record.Partition = []byte(h.key), int32(t.partitions)
	}
	up := strconv.Itoa(randomID(rng))
	if t.single {
		up = strconv.Itoa(number)
	}
	switch rng.IntN(8) {
	case 0, 1:
		up = strconv.Quote(up)
	case 2:
		if !t.single {
			up = `"nobody"`
		}
	}
	if t.poison && rng.IntN(12) == 0 {
		h.spoil(rng)
		return h
	}
	count := strconv.Itoa(n)
	kind := rng.IntN(10)
	switch {
	case kind == 0: // a tombstone
		h.apply = deleted
	case kind == 1 && t.fold == "handlers":
		h.record.Value, h.apply = []byte(`{"type":"Gone"}`), deleted
	case kind < 5 && t.fold != "latest": // a part of it
		h.record.Value = fmt.Appendf(nil, `{"type":"Touched","n":%d}`, n)
		if t.fold == "merge" {
			h.record.Value = fmt.Appendf(nil, `{"n":%d}`, n)
		}
		h.apply = func(was fields) fields { return was.with("n", count) }
	default:
		h.record.Value = fmt.Appendf(nil, `{"type":"Set","up":%s,"n":%d}`, up, n)
		if t.fold != "handlers" {
			h.record.Value = fmt.Appendf(nil, `{"up":%s,"n":%d}`, up, n)
		}
		h.apply = func(was fields) fields {
			if t.fold == "latest" {
				was = nil
			}
			return was.with("up", up).with("n", count)
		}
	}
	return h
}

func deleted(fields) fields { return nil }

// spoil makes it an event that cannot be read or applied, and does nothing.
func (h *event) spoil(rng *rand.Rand) {
	h.apply = nil
	switch rng.IntN(3) {
	case 0:
		h.record.Value = []byte(`{"up":`)
	case 1:
		h.record.Key, h.record.Value = nil, []byte(`{"type":"Set","up":1,"n":1}`)
	default:
		h.record.Value = []byte(`[7]`)
		if h.topic.fold == "handlers" {
			h.record.Value = []byte(`{"type":"Unknown","n":1}`)
		}
	}
}

func (f fields) String() string {
	var parts []string
	for _, x := range f {
		parts = append(parts, fmt.Sprintf("%q:%s", x.name, x.value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// produce makes events until stop is closed.
func (p *producer) produce(ctx context.Context, stop <-chan struct{}, count *atomic.Int64, commit commitFunc) error {
	rng := rand.New(rand.NewPCG(p.world.plan.Seed, 300))
	for n := 1000; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := p.transaction(ctx, rng, 10*n, commit); err != nil {
			return fmt.Errorf("events: %w", err)
		}
		count.Add(1)
		if rng.IntN(4) > 0 { // else a burst
			if err := wait.For(ctx, time.Duration(rng.IntN(10+n/fatigue-1000/fatigue))*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// transaction is a few events, committed, aborted, or without a transaction.
func (p *producer) transaction(ctx context.Context, rng *rand.Rand, n int, commit commitFunc) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []event
	var records []*kgo.Record
	for i := range 1 + rng.IntN(8) {
		h := p.event(rng, n+i)
		all, records = append(all, h), append(records, h.record)
	}
	plain, long, end := rng.IntN(5) == 0, rng.IntN(20) == 0, kgo.TransactionEndTry(rng.IntN(4) > 0)
	if plain {
		return commit(ctx, func() error {
			if err := p.plain.ProduceSync(ctx, records...).FirstErr(); err != nil {
				return err
			}
			return p.fold(ctx, all)
		})
	}
	if err := p.transactional.BeginTransaction(); err != nil {
		return err
	}
	if err := p.transactional.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	if long {
		if err := wait.For(ctx, time.Duration(50+rng.IntN(200))*time.Millisecond); err != nil {
			return err
		}
	}
	if !end {
		return p.transactional.EndTransaction(ctx, end)
	}
	return commit(ctx, func() error {
		if err := p.transactional.EndTransaction(ctx, end); err != nil {
			return err
		}
		return p.fold(ctx, all)
	})
}

// fold tells the oracle.
func (p *producer) fold(ctx context.Context, all []event) error {
	var batch pgx.Batch
	for _, h := range all {
		if h.apply == nil {
			continue
		}
		states := p.folds[h.topic]
		is := h.apply(states[h.key])
		if is == nil {
			delete(states, h.key)
			batch.Queue("delete from facts."+h.topic.name+" where key = $1", h.key)
			continue
		}
		states[h.key] = is
		h.topic.queue(&batch, h.key, is)
	}
	return p.tell(ctx, &batch)
}

// queue adds what a key's events fold to.
func (t *topic) queue(batch *pgx.Batch, key string, is fields) {
	batch.Queue("insert into facts."+t.name+" select $1, $2::json->>'up', ($2::json->>'n')::bigint, $2::json on conflict (key) do update set up = excluded.up, n = excluded.n, doc = excluded.doc",
		key, is.String())
}

// tell sends statements to the oracle's tables. Where the server died, it has all again.
func (p *producer) tell(ctx context.Context, batch *pgx.Batch) error {
	for {
		err := p.facts.conn.SendBatch(ctx, batch).Close()
		if err == nil {
			return nil
		}
		if err := p.facts.recover(ctx, err); err != nil {
			return err
		}
		batch = p.everything()
	}
}

// everything is all that the oracle's tables have to hold.
func (p *producer) everything() *pgx.Batch {
	batch := &pgx.Batch{}
	for t, states := range p.folds {
		batch.Queue("delete from facts." + t.name)
		for key, is := range states {
			t.queue(batch, key, is)
		}
	}
	return batch
}

// restore gives the oracle what it may have lost with the server.
func (p *producer) restore(ctx context.Context, commit commitFunc) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return commit(ctx, func() error { return p.tell(ctx, p.everything()) })
}

// fill makes the first events, and waits until they are there for everybody: the broker
// says that a transaction has ended before its markers are in the log.
func (p *producer) fill(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(p.world.plan.Seed, 301))
	now := func(_ context.Context, commit func() error) error { return commit() }
	for n := range 30 {
		if err := p.transaction(ctx, rng, 10*n, now); err != nil {
			return fmt.Errorf("the first events: %w", err)
		}
	}
	for _, t := range p.world.schema.topics {
		ends, err := p.ends(ctx, t.brokerName(p.world.alias), t.partitions)
		if err != nil {
			return err
		}
		p.filled[t] = ends
	}
	return nil
}
