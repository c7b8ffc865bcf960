package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"humpty/internal/wait"
)

// bus is the part of an application that produces events, in transactions and without, and
// keeps in the oracle's tables what they fold to.
type bus struct {
	world *world
	conn  *pgx.Conn
	sure  *kgo.Client // transactions
	plain *kgo.Client
	folds map[*topic]map[string]fields // by key
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

func (w *world) newBus(ctx context.Context) (_ *bus, err error) {
	b := &bus{world: w, folds: map[*topic]map[string]fields{}}
	options := []kgo.Opt{
		kgo.SeedBrokers(w.Kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000),
		kgo.MetadataMinAge(20 * time.Millisecond), kgo.ProducerLinger(0),
	}
	if b.plain, err = kgo.NewClient(options...); err != nil {
		return nil, err
	}
	if b.sure, err = kgo.NewClient(append(options, kgo.TransactionalID(w.alias))...); err != nil {
		return nil, err
	}
	if b.conn, err = pgx.Connect(ctx, w.dsn); err != nil {
		return nil, err
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 30_000
	for _, t := range w.schema.topics {
		b.folds[t] = map[string]fields{}
		made := kmsg.NewCreateTopicsRequestTopic()
		made.Topic, made.NumPartitions, made.ReplicationFactor = w.topicName(t), int32(t.partitions), 1
		request.Topics = append(request.Topics, made)
	}
	answer, err := request.RequestWith(ctx, b.plain)
	if err != nil {
		return nil, fmt.Errorf("make topics: %w", err)
	}
	for _, t := range answer.Topics {
		err = errors.Join(err, kerr.ErrorForCode(t.ErrorCode))
	}
	return b, err
}

func (b *bus) close(ctx context.Context) error {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = 30_000
	for _, t := range b.world.schema.topics {
		name := b.world.topicName(t)
		gone := kmsg.NewDeleteTopicsRequestTopic()
		gone.Topic = &name
		request.Topics, request.TopicNames = append(request.Topics, gone), append(request.TopicNames, name)
	}
	_, err := request.RequestWith(ctx, b.plain)
	b.sure.Close()
	b.plain.Close()
	return errors.Join(err, b.conn.Close(ctx))
}

// happening is an event, and what it does.
type happening struct {
	topic  *topic
	record *kgo.Record
	key    string
	apply  func(fields) fields // nil is nothing; poison has none
}

// happening makes a random event.
func (b *bus) happening(rng *rand.Rand, n int) happening {
	t := b.world.schema.topics[rng.IntN(len(b.world.schema.topics))]
	number := someID(rng)
	h := happening{topic: t, key: t.keys + strconv.Itoa(number)}
	h.record = &kgo.Record{Topic: b.world.topicName(t), Key: []byte(h.key)}
	for _, c := range h.record.Key {
		h.record.Partition = (h.record.Partition*7 + int32(c)) % int32(t.partitions)
	}
	up := strconv.Itoa(someID(rng))
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
		h.apply = gone
	case kind == 1 && t.fold == "handlers":
		h.record.Value, h.apply = []byte(`{"type":"Gone"}`), gone
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

func gone(fields) fields { return nil }

// spoil makes it an event that cannot be read or applied, and does nothing.
func (h *happening) spoil(rng *rand.Rand) {
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
func (b *bus) produce(ctx context.Context, stop <-chan struct{}, count *atomic.Int64, commit committing) error {
	rng := rand.New(rand.NewPCG(b.world.seed, 300))
	for n := 1000; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := b.transaction(ctx, rng, 10*n, commit); err != nil {
			return fmt.Errorf("events: %w", err)
		}
		count.Add(1)
		if rng.IntN(4) > 0 { // else a burst
			if err := wait.For(ctx, time.Duration(rng.IntN(10+n/tires-1000/tires))*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// transaction is a few events, committed, aborted, or without a transaction.
func (b *bus) transaction(ctx context.Context, rng *rand.Rand, n int, commit committing) error {
	var all []happening
	var records []*kgo.Record
	for i := range 1 + rng.IntN(8) {
		h := b.happening(rng, n+i)
		all, records = append(all, h), append(records, h.record)
	}
	plain, long, end := rng.IntN(5) == 0, rng.IntN(20) == 0, kgo.TransactionEndTry(rng.IntN(4) > 0)
	if plain {
		return commit(ctx, func() error {
			if err := b.plain.ProduceSync(ctx, records...).FirstErr(); err != nil {
				return err
			}
			return b.fold(ctx, all)
		})
	}
	if err := b.sure.BeginTransaction(); err != nil {
		return err
	}
	if err := b.sure.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	if long {
		if err := wait.For(ctx, time.Duration(50+rng.IntN(200))*time.Millisecond); err != nil {
			return err
		}
	}
	if !end {
		return b.sure.EndTransaction(ctx, end)
	}
	return commit(ctx, func() error {
		if err := b.sure.EndTransaction(ctx, end); err != nil {
			return err
		}
		return b.fold(ctx, all)
	})
}

// fold tells the oracle.
func (b *bus) fold(ctx context.Context, all []happening) error {
	var batch pgx.Batch
	for _, h := range all {
		if h.apply == nil {
			continue
		}
		states := b.folds[h.topic]
		is := h.apply(states[h.key])
		if is == nil {
			delete(states, h.key)
			batch.Queue("delete from facts."+h.topic.name+" where key = $1", h.key)
			continue
		}
		states[h.key] = is
		batch.Queue("insert into facts."+h.topic.name+" select $1, $2::json->>'up', ($2::json->>'n')::bigint, $2::json on conflict (key) do update set up = excluded.up, n = excluded.n, doc = excluded.doc",
			h.key, is.String())
	}
	return b.conn.SendBatch(ctx, &batch).Close()
}

// fill makes the first events, and waits until they are there for everybody: the broker
// says that a transaction has ended before its markers are in the log.
func (b *bus) fill(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(b.world.seed, 301))
	now := func(_ context.Context, commit func() error) error { return commit() }
	for n := range 30 {
		if err := b.transaction(ctx, rng, 10*n, now); err != nil {
			return fmt.Errorf("the first events: %w", err)
		}
	}
	return nil
}
