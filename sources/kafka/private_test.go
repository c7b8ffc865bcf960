package kafka_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// Brokers of our own serve these tests: they clean at once, know users, and may be killed.
func TestOwnBrokers(t *testing.T) {
	t.Parallel()
	own, pool := certificate(t)
	both, alone := keyFile(t, own)
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindKafka},
		Config:  map[devstack.Kind][]string{devstack.KindKafka: theirOwn},
		Files:   map[devstack.Kind]map[string]string{devstack.KindKafka: {"broker.pem": both, "ca.pem": alone}},
	})
	brokers := stack.Addresses().Kafka
	t.Run("compaction", func(t *testing.T) { compaction(t, brokers) })
	t.Run("secure", func(t *testing.T) { secure(t, stack, own, pool) })
	t.Run("rights", func(t *testing.T) { rights(t, stack, own, pool) })
	t.Run("leader change", func(t *testing.T) { leaderChange(t, stack) })
	t.Run("restart", func(t *testing.T) { restart(t, stack, brokers) })
}

// compaction leaves holes: in the middle of a batch, at its end, and whole batches.
func compaction(t *testing.T, brokers []string) {
	b := newBus(t, brokers)
	tx := newBus(t, brokers, kgo.TransactionalID(devstack.Name(t)))
	topic := b.topic(1, "cleanup.policy", "compact", "segment.ms", "50", "min.cleanable.dirty.ratio", "0.0001", "delete.retention.ms", "0")
	v := func(key, value string) *kgo.Record { return rec(topic, 0, key, value) }
	b.put(v("a", "a1"), v("b", "b1"), v("c", "c1"), v("d", "d1"), v("e", "e1")) // b1 and d1 stay
	b.put(v("x", "x1"), v("y", "y1"), v("z", "z1"))                             // nothing stays
	tx.transaction(false, v("b", "aborted"))
	tx.transaction(true, v("t", "t1"))
	b.put(v("x", "x2"), v("y", "y2"), v("z", "z2"))
	b.put(v("a", "a2"), v("c", "c2"), v("e", "e2"))
	tx.transaction(false, v("b", "aborted"), v("t", "aborted"))
	want := []string{"b1", "d1", "t1", "x2", "y2", "z2", "a2", "c2", "e2"}
	for round := 0; ; round++ {
		b.put(v("tick", fmt.Sprint(round))) // rolls the segment
		_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic, History: kafka.Newest}}})
		events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		events = slices.DeleteFunc(events, func(e event) bool { return e.key == "tick" })
		if len(events) > len(want) && t.Context().Err() == nil { // not cleaned yet
			continue
		}
		if !slices.Equal(values(events), want) {
			t.Fatalf("%v, not %v", values(events), want)
		}
		onceCompacted(t, b, topic, view, plan.Partitions[0])
		break
	}
	// from inside of a hole, and to a fence in one
	_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic, Offsets: map[int32]int64{0: 2}}}})
	events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
	if err != nil || events[0].value != "d1" || events[0].offset != 3 {
		t.Errorf("%v, %v", values(events), err)
	}
}

// A broker that is killed and comes back costs time, and no event.
func restart(t *testing.T, stack *devstack.Stack, brokers []string) {
	b := newBus(t, brokers)
	topic := b.topic(1)
	for i := range 50 {
		b.put(rec(topic, 0, "k", fmt.Sprint(i)))
	}
	_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}, Fetch: 1, RetryTime: time.Minute})
	r, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context()) //nolint:errcheck // at the end of the test
	batch := &sources.Batch{Limit: 1}
	for i := range 50 {
		switch i {
		case 10:
			if err := stack.Kill(devstack.KindKafka); err != nil {
				t.Fatal(err)
			}
			if err := stack.Start(t.Context(), devstack.KindKafka); err != nil {
				t.Fatal(err)
			}
		case 30:
			if err := stack.Stop(t.Context(), devstack.KindKafka); err != nil {
				t.Fatal(err)
			}
			if err := stack.Start(t.Context(), devstack.KindKafka); err != nil {
				t.Fatal(err)
			}
		}
		batch.Reset()
		if err := r.Next(t.Context(), batch); err != nil || len(batch.Records) != 1 || string(batch.Records[0].Value) != fmt.Sprint(i) {
			t.Fatalf("event %d: %+v, %v", i, batch.Records, err)
		}
	}

	// one that stays away is an error that says so
	s, err := kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}, RetryTime: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Stop(t.Context(), devstack.KindKafka); err != nil {
		t.Fatal(err)
	}
	_, err = s.Plan(t.Context())
	contains(t, "away", err, "no broker of", brokers[0], "of trying")
}
