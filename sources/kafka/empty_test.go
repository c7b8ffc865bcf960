package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// ten is a broker with ten events, one a batch, that answers with nothing from offset 5 on.
func ten(t *testing.T, throttle int32, times int) []string {
	t.Helper()
	cluster := fake(t, kfake.NumBrokers(1))
	b := newBus(t, cluster.ListenAddrs())
	for i := range 10 {
		b.put(rec("events", 0, "k", fmt.Sprint(i)))
	}
	emptyFrom(cluster, 5, throttle, times)
	return cluster.ListenAddrs()
}

// An answer without records says nothing of the log: it is asked again.
func TestEmptyForAWhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		throttle int32
		times    int
	}{"a throttling broker": {1, 5}, "a slow remote storage": {0, 6}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, plan, view := open(t, kafka.Config{Brokers: ten(t, c.throttle, c.times), Topics: []kafka.Topic{{Name: "events"}}, Fetch: 1, RetryTime: time.Minute})
			events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
			if err != nil || len(events) != 10 {
				t.Errorf("%v, %v; want 10", values(events), err)
			}
		})
	}
}

// What stays empty below the fence is an outage, never a hole.
func TestEmptyForEver(t *testing.T) {
	t.Parallel()
	for name, throttle := range map[string]int32{"throttled": 1, "not": 0} {
		s, plan, view := open(t, kafka.Config{Brokers: ten(t, throttle, -1), Topics: []kafka.Topic{{Name: "events"}}, Fetch: 1, RetryTime: 300 * time.Millisecond})
		events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
		if len(events) != 5 || !s.IsUnavailable(err) {
			t.Errorf("%s: %v, %v (%T)", name, values(events), err, err)
		}
		contains(t, name, err, "events, partition 0, offset 5", "the log goes on to 10", "after")
	}
}

// A wait for what does not come is reported as an outage is.
func TestEmptinessIsReported(t *testing.T) {
	t.Parallel()
	said := make(chan string, 100)
	s, plan, view := open(t, kafka.Config{Brokers: ten(t, 0, 8), Topics: []kafka.Topic{{Name: "events"}}, Fetch: 1})
	s.RetryOutages(time.Minute, func(why string) {
		select {
		case said <- why:
		default:
		}
	})
	if events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20); err != nil || len(events) != 10 {
		t.Errorf("%v, %v; want 10", values(events), err)
	}
	select {
	case why := <-said:
		contains(t, "waiting", fmt.Errorf("%s", why), "offset 5", "up to 1m0s")
	default:
		t.Error("nothing was said")
	}
}

// A tail does not pass what is said to be there, either.
func TestTailOfEmptyAnswers(t *testing.T) {
	t.Parallel()
	s, plan, view := open(t, kafka.Config{Brokers: ten(t, 0, -1), Topics: []kafka.Topic{{Name: "events"}}, Fetch: 1, RetryTime: 300 * time.Millisecond})
	tailer, _ := view.(sources.Tailer)
	r, err := tailer.Tail(t.Context(), plan.Partitions[0], "5")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(context.WithoutCancel(t.Context())) }()
	batch := &sources.Batch{Limit: 1 << 20}
	for range 5 {
		if err := r.Next(t.Context(), batch); !s.IsUnavailable(err) || len(batch.Records) > 0 {
			t.Fatalf("%d records, %v", len(batch.Records), err)
		}
	}
}

// The offsets of a partition are accounted for: records, markers, aborted ones, holes.
func TestOffsetsAreAccountedFor(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t), kgo.TransactionalID(devstack.Name(t)))
	topic := b.topic(1)
	b.transaction(true, some(topic, 0, "a", 3)...)
	b.transaction(false, some(topic, 0, "b", 2)...)
	b.transaction(true, some(topic, 0, "c", 1)...)
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	for _, limit := range []int{1, 1 << 20} {
		var got sources.OffsetCounts
		r, err := view.Read(t.Context(), plan.Partitions[0], "")
		if err != nil {
			t.Fatal(err)
		}
		batch, all := &sources.Batch{Limit: limit}, 0
		for {
			batch.Reset()
			if err := r.Next(t.Context(), batch); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if err := got.Add(batch, batch.Offsets.To); err != nil {
				t.Error(err)
			}
			all += len(batch.Records)
		}
		if want := (sources.OffsetCounts{To: 9, Records: 4, Aborted: 2, Markers: 3}); got != want || all != 4 {
			t.Errorf("limit %d: %+v, not %+v; %d records", limit, got, want, all)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
