package kafka_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

func TestReadsEveryPartitionInOrder(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(4)
	for p := range int32(3) { // the fourth stays empty
		b.put(some(topic, p, fmt.Sprintf("p%d-", p), 2500)...)
	}
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}, Fetch: 10_000})
	if len(plan.Partitions) != 4 || plan.Rows != 7500 || len(plan.Warnings) > 0 {
		t.Errorf("plan: %+v", plan)
	}
	for i, p := range plan.Partitions {
		if want := fmt.Sprintf("%s/%d", topic, i); p.ID != want {
			t.Errorf("partition %d has id %s, not %s", i, p.ID, want)
		}
		events, counts, err := drain(t, view, p, "", 3000)
		if err != nil {
			t.Fatal(err)
		}
		want := 2500
		if i == 3 {
			want = 0
		}
		if len(events) != want || counts.Read != int64(want) || counts.Rows != int64(want) {
			t.Errorf("partition %d: %d events, counts %+v, not %d", i, len(events), counts, want)
		}
		for n, e := range events {
			if e.offset != int64(n) || e.value != fmt.Sprintf("p%d-%d", i, n) || e.key != fmt.Sprint("k", n) {
				t.Fatalf("partition %d, event %d: %+v", i, n, e)
			}
		}
	}
}

func TestStopsAtTheFence(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1)
	b.put(some(topic, 0, "before", 10)...)
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	b.put(some(topic, 0, "behind", 10)...)
	events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
	if err != nil || len(events) != 10 || events[9].value != "before9" {
		t.Errorf("%v, %v", values(events), err)
	}
}

func TestGoesOnFromEveryPosition(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1)
	b.put(some(topic, 0, "v", 50)...) // one batch
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	for at := range 51 {
		events, _, err := drain(t, view, plan.Partitions[0], sources.Position(fmt.Sprint(at)), 1<<20)
		if err != nil || len(events) != 50-at || at < 50 && events[0].value != fmt.Sprint("v", at) {
			t.Errorf("from %d: %v, %v", at, values(events), err)
		}
	}
	if _, err := view.Read(t.Context(), plan.Partitions[0], "x"); err == nil {
		t.Error("a position that is none was taken")
	}
	if _, err := view.Read(t.Context(), sources.Partition{ID: "nothing/0"}, ""); err == nil {
		t.Error("a partition that is none was taken")
	}
}

func TestWhereReadingStarts(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(2)
	for i := range 10 {
		for p := range int32(2) {
			r := rec(topic, p, "k", fmt.Sprint(i))
			r.Timestamp = time.UnixMilli(int64(1_700_000_000_000 + 1000*i))
			b.put(r)
		}
	}
	for name, c := range map[string]struct {
		topic        kafka.Topic
		first, other int
	}{
		"earliest":           {kafka.Topic{}, 0, 0},
		"offset of one":      {kafka.Topic{Offsets: map[int32]int64{1: 7}}, 0, 7},
		"offset at the end":  {kafka.Topic{Offsets: map[int32]int64{1: 10}}, 0, 10},
		"time":               {kafka.Topic{Since: time.UnixMilli(1_700_000_002_500)}, 3, 3},
		"time of a record":   {kafka.Topic{Since: time.UnixMilli(1_700_000_004_000)}, 4, 4},
		"time behind all":    {kafka.Topic{Since: time.UnixMilli(1_800_000_000_000)}, 10, 10},
		"time and an offset": {kafka.Topic{Since: time.UnixMilli(1_700_000_009_000), Offsets: map[int32]int64{0: 1}}, 1, 9},
	} {
		c.topic.Name = topic
		_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{c.topic}})
		for p, first := range []int{c.first, c.other} {
			events, _, err := drain(t, view, plan.Partitions[p], "", 1<<20)
			if err != nil || len(events) != 10-first || first < 10 && events[0].value != fmt.Sprint(first) {
				t.Errorf("%s, partition %d: %v, %v; want from %d", name, p, values(events), err, first)
			}
		}
	}
}

func TestCodecsHeadersNullsAndTimes(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t, devstack.Kafka(t), kgo.ProducerBatchCompression(codec))
			topic := b.topic(1)
			at := time.UnixMilli(1_700_000_000_123)
			long := strings.Repeat("long and dull ", 20_000)
			b.put(
				&kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte(long), Timestamp: at, Headers: []kgo.RecordHeader{{Key: "type", Value: []byte("Placed")}, {Key: "none"}}},
				&kgo.Record{Topic: topic, Key: []byte("gone"), Timestamp: at.Add(-time.Second)},
				&kgo.Record{Topic: topic, Value: []byte("no key"), Timestamp: at, Headers: []kgo.RecordHeader{{Key: "type", Value: []byte("")}}},
				&kgo.Record{Topic: topic, Key: []byte{}, Value: []byte{}, Timestamp: at},
			)
			_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
			for _, limit := range []int{1, 1 << 20} {
				got, _, err := drain(t, view, plan.Partitions[0], "", limit)
				if err != nil {
					t.Fatal(err)
				}
				want := []event{
					{offset: 0, key: "k", value: long, time: at.UnixMilli(), headers: "type=Placed;none=;"},
					{offset: 1, key: "gone", time: at.UnixMilli() - 1000, deleted: true},
					{offset: 2, value: "no key", time: at.UnixMilli(), headers: "type=;"},
					{offset: 3, time: at.UnixMilli()},
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %.200v\nwant %.200v", got, want)
				}
			}
		})
	}
}

func TestLogAppendTime(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1, "message.timestamp.type", "LogAppendTime")
	r := rec(topic, 0, "k", "v")
	r.Timestamp = time.UnixMilli(1000)
	b.put(r)
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
	if err != nil || len(events) != 1 || time.Since(time.UnixMilli(events[0].time)).Abs() > time.Minute {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestSeveralTopics(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	one, two := b.topic(1), b.topic(2)
	b.put(rec(one, 0, "k", "one"), rec(two, 0, "k", "two"), rec(two, 1, "k", "three"))
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: one}, {Name: two}}})
	var got []string
	for _, p := range plan.Partitions {
		events, _, err := drain(t, view, p, "", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, values(events)...)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"one", "three", "two"}) {
		t.Error(got)
	}
}
