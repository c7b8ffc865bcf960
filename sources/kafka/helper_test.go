package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// bus is a broker with a client of another make, which also has transactions.
type bus struct {
	t       testing.TB
	brokers []string
	client  *kgo.Client
}

func newBus(t testing.TB, brokers []string, opts ...kgo.Opt) *bus {
	t.Helper()
	opts = append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MetadataMinAge(20 * time.Millisecond), kgo.UnknownTopicRetries(1000),
	}, opts...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &bus{t, brokers, client}
}

// topic makes one; config is pairs of name and value.
func (b *bus) topic(partitions int32, config ...string) string {
	b.t.Helper()
	name := devstack.Name(b.t)
	b.topicNamed(name, partitions, 1, config...)
	return name
}

func (b *bus) topicNamed(name string, partitions int32, replicas int16, config ...string) {
	b.t.Helper()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, replicas
	for i := 0; i < len(config); i += 2 {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = config[i], &config[i+1]
		t.Configs = append(t.Configs, c)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, t), 10_000
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.drop(name) })
}

func (b *bus) drop(name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.t.Context()), 10*time.Second)
	defer cancel()
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TopicNames, request.TimeoutMillis = []string{name}, 10_000
	t := kmsg.NewDeleteTopicsRequestTopic()
	t.Topic = &name
	request.Topics = append(request.Topics, t)
	_, _ = request.RequestWith(ctx, b.client) // a broker that was killed, a topic that is gone
}

// partitions raises their number.
func (b *bus) partitions(topic string, n int32) {
	b.t.Helper()
	request := kmsg.NewPtrCreatePartitionsRequest()
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = topic, n
	request.Topics, request.TimeoutMillis = append(request.Topics, t), 10_000
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// deleteBefore does at once what retention does later.
func (b *bus) deleteBefore(topic string, partition int32, offset int64) {
	b.t.Helper()
	request := kmsg.NewPtrDeleteRecordsRequest()
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = partition, offset
	t := kmsg.NewDeleteRecordsRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	request.Topics, request.TimeoutMillis = append(request.Topics, t), 10_000
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bus) put(records ...*kgo.Record) {
	b.t.Helper()
	if err := b.client.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// transaction puts records in one, and commits it or not.
func (b *bus) transaction(commit bool, records ...*kgo.Record) {
	b.t.Helper()
	if err := b.client.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
	b.put(records...)
	if err := b.client.EndTransaction(b.t.Context(), kgo.TransactionEndTry(commit)); err != nil {
		b.t.Fatal(err)
	}
}

// rec is a record with a key and a value.
func rec(topic string, partition int32, key, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: []byte(value)}
}

// some are n records of one partition with the values prefix0, prefix1, …
func some(topic string, partition int32, prefix string, n int) []*kgo.Record {
	var records []*kgo.Record
	for i := range n {
		records = append(records, rec(topic, partition, fmt.Sprint("k", i), fmt.Sprint(prefix, i)))
	}
	return records
}

func open(t testing.TB, cfg kafka.Config) (*kafka.Source, sources.Plan, sources.View) {
	t.Helper()
	if cfg.RetryTime == 0 {
		cfg.RetryTime = 5 * time.Second
	}
	s, err := kafka.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := view.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s, plan, view
}

// event is a record that outlives its batch.
type event struct {
	offset     int64
	key, value string
	time       int64
	deleted    bool
	headers    string
}

// drain reads a partition to its end.
func drain(t testing.TB, view sources.View, p sources.Partition, from sources.Position, limit int) ([]event, sources.Counts, error) {
	t.Helper()
	r, err := view.Read(t.Context(), p, from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	var events []event
	var counts sources.Counts
	b := &sources.Batch{Limit: limit}
	for {
		b.Reset()
		err := r.Next(t.Context(), b)
		if errors.Is(err, io.EOF) {
			return events, counts, nil
		}
		if err != nil {
			return events, counts, err
		}
		if !b.Counts.Balanced() {
			t.Errorf("counts do not balance: %+v", b.Counts)
		}
		counts.Add(b.Counts)
		for _, r := range b.Records {
			e := event{offset: r.Offset, key: string(r.Key), value: string(r.Value), time: r.Time, deleted: r.Deleted}
			for _, h := range r.Headers {
				e.headers += h.Name + "=" + string(h.Value) + ";"
			}
			events = append(events, e)
		}
	}
}

func values(events []event) []string {
	all := []string{}
	for _, e := range events {
		all = append(all, e.value)
	}
	return all
}

// awaitGone waits until no broker knows the topic.
func (b *bus) awaitGone(topic string) {
	b.t.Helper()
	for {
		request := kmsg.NewPtrMetadataRequest()
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topic
		request.Topics = append(request.Topics, t)
		answer, err := request.RequestWith(b.t.Context(), b.client)
		if err != nil {
			b.t.Fatal(err)
		}
		if kerr.ErrorForCode(answer.Topics[0].ErrorCode) == kerr.UnknownTopicOrPartition { //nolint:errorlint // a sentinel
			return
		}
	}
}

func contains(t testing.TB, name string, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q has nothing of %q", name, err, w)
		}
	}
}
