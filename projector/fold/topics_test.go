package fold_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/kafka"
)

// TestTopicsToDocuments takes random histories through a real broker: two topics, with
// committed and aborted transactions, tombstones and clocks that jump, rebuilt by the
// engine and held against the serial oracle. What is written meanwhile is not in it.
func TestTopicsToDocuments(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dice := rand.New(rand.NewPCG(seed, 1))
			client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(devstack.Name(t)),
				kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000), kgo.MetadataMinAge(20*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			topics := []string{newTopic(t, client, 3), newTopic(t, client, 2)}
			h := &history{}
			for p := range 5 { // 3 of the first topic, 2 of the second
				h.partitions = append(h.partitions, partition{id: fmt.Sprint(p)})
			}
			for range 30 {
				writeTransaction(t, client, dice, topics, h)
			}
			inner, err := kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topics[0]}, {Name: topics[1]}}, Fetch: 5000})
			if err != nil {
				t.Fatal(err)
			}
			markersWritten(t, inner)
			later := func() { writeTransaction(t, client, dice, topics, &history{partitions: make([]partition, 5)}) }
			target := &sinktest.MemoryTarget{Name: "orders"}
			rebuild := &projector.Rebuild{
				Projection: projector.Projection{Name: "orders", Alias: "orders"},
				Source:     &fold.Source{Inner: writtenBehind{inner, later}, Decoder: &decode.JSON{}, New: handlers.NewMerge, Memory: 64 << 10, Dir: t.TempDir()},
				Target:     target, Owner: sinks.Owner{Run: "run"},
			}
			want := oracle(h, mergeOracle)
			record, err := rebuild.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			events := 0
			for _, p := range h.partitions {
				events += len(p.events)
			}
			if in := record.Ledger.Inputs; in.Read != int64(events) || in.Rows <= in.Read || in.Used != int64(len(want)) {
				t.Errorf("%d events, %d documents: %+v", events, len(want), in)
			}
			compare(t, target, record.Generation, want)
		})
	}
}

// markersWritten waits until no transaction is open: the broker answers that one is
// committed before its markers are in the log.
func markersWritten(t *testing.T, topics sources.Source) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		plan, err := topics.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Warnings) == 0 {
			return
		}
		<-tick.C
	}
}

// writtenBehind writes more as soon as the fences are captured.
type writtenBehind struct {
	sources.Source
	write func()
}

func (w writtenBehind) Open(ctx context.Context) (sources.View, error) {
	v, err := w.Source.Open(ctx)
	w.write()
	return v, err
}

// writeTransaction puts some events into the topics, and, if it commits, into the history.
func writeTransaction(t *testing.T, client *kgo.Client, dice *rand.Rand, topics []string, h *history) {
	t.Helper()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	commit := dice.IntN(4) > 0
	for range 1 + dice.IntN(20) {
		p := dice.IntN(len(h.partitions))
		topic, number := topics[0], int32(p)
		if p >= 3 {
			topic, number = topics[1], int32(p-3)
		}
		at := int64(1_700_000_000_000 + dice.IntN(50))
		r := &kgo.Record{Topic: topic, Partition: number, Key: fmt.Appendf(nil, "k%d", dice.IntN(30)), Timestamp: time.UnixMilli(at)}
		if dice.IntN(10) > 0 {
			r.Value = fmt.Appendf(nil, `{"f%d":%d,"gone":null}`, dice.IntN(4), dice.IntN(1000))
		}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if commit {
			h.partitions[p].event(at, string(r.Key), string(r.Value))
			h.partitions[p].events[len(h.partitions[p].events)-1].Offset = r.Offset
		}
	}
	if err := client.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatal(err)
	}
}

func newTopic(t testing.TB, client *kgo.Client, partitions int32) string {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = devstack.Name(t), partitions, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	answer, err := request.RequestWith(t.Context(), client)
	if err != nil || answer.Topics[0].ErrorCode != 0 {
		t.Fatal(err, answer)
	}
	return topic.Topic
}

// compare holds an index against documents in the oracle's form.
func compare(t *testing.T, target *sinktest.MemoryTarget, generation string, want map[string]string) {
	t.Helper()
	for _, d := range differences(t, target, generation, want) {
		t.Error(d)
	}
}

func differences(t *testing.T, target *sinktest.MemoryTarget, generation string, want map[string]string) (all []string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	got := map[string]string{}
	index, err := target.Open(ctx, generation)
	if err == nil {
		err = index.Scan(ctx, 0, 1, func(docs []sinks.Document) error {
			for _, d := range docs {
				text, err := json.Marshal(parse(d.Body))
				if err != nil {
					return err
				}
				got[string(d.ID)] = string(text)
			}
			return nil
		})
	}
	if err != nil {
		return []string{err.Error()}
	}
	for id, text := range want {
		if got[id] != text {
			all = append(all, fmt.Sprintf("document %s: %s, not %s", id, got[id], text))
		}
	}
	if len(got) != len(want) {
		all = append(all, fmt.Sprintf("%d documents, not %d", len(got), len(want)))
	}
	return all
}

// A real topic that is deleted and made again while nobody reads has other events where the run
// was, though none of its offsets is out of range.
func TestRealRecreatedTopicIsAGap(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	connect := func() *kgo.Client {
		client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000), kgo.MetadataMinAge(20*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	client := connect()
	topic := newTopic(t, client, 1)
	produce := func(n int) {
		for i := range n {
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: fmt.Append(nil, i), Value: []byte(`{}`)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	capture := func(from sources.Position) (sources.ChangeStream, error) {
		inner, err := kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}})
		if err != nil {
			return nil, err
		}
		s := &fold.Source{Inner: inner, Decoder: &decode.JSON{}, New: handlers.NewMerge, Store: &fold.StoreOptions{Dir: func(string) string { return dir }}}
		return s.Capture(t.Context(), "run", from)
	}
	at := func(feed sources.ChangeStream) sources.Position {
		m := sources.ChangeSet{}
		for id, err := feed.Fence(t.Context()); m.Fence != id; err = feed.Next(t.Context(), &m) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := feed.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return m.Position
	}
	feed, err := capture("")
	if err != nil {
		t.Fatal(err)
	}
	produce(20)
	position := at(feed)
	produce(5)
	if feed, err = capture(position); err != nil {
		t.Fatalf("the same topic: %v", err)
	}
	position = at(feed)
	client = recreate(t, brokers, client, topic, 1)
	produce(40)
	var gap *sources.ErrChangesLost
	if _, err := capture(position); !errors.As(err, &gap) || !strings.Contains(err.Error(), "made again") {
		t.Errorf("error %v", err)
	}
}
