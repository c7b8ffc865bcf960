package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

func TestTransactions(t *testing.T) {
	t.Parallel()
	plain := newBus(t, devstack.Kafka(t))
	b := newBus(t, plain.brokers, kgo.TransactionalID(devstack.Name(t)))
	other := newBus(t, plain.brokers, kgo.TransactionalID(devstack.Name(t)))
	for name, c := range map[string]struct {
		write func(topic string)
		want  []string
		rows  int64 // aborted ones too
	}{
		"committed, aborted, committed": {
			func(topic string) {
				b.transaction(true, some(topic, 0, "a", 3)...)
				b.transaction(false, some(topic, 0, "b", 3)...)
				b.transaction(true, some(topic, 0, "c", 2)...)
			}, []string{"a0", "a1", "a2", "c0", "c1"}, 8,
		},
		"aborted tail": {
			func(topic string) {
				b.put(some(topic, 0, "", 0)...)
				b.transaction(true, some(topic, 0, "a", 1)...)
				b.transaction(false, some(topic, 0, "b", 3)...)
			}, []string{"a0"}, 4,
		},
		"nothing but aborted": {
			func(topic string) { b.transaction(false, some(topic, 0, "b", 3)...) }, []string{}, 3,
		},
		"interleaved producers": {
			func(topic string) {
				for _, x := range []*bus{b, other} {
					if err := x.client.BeginTransaction(); err != nil {
						t.Error(err)
					}
				}
				b.put(rec(topic, 0, "k", "b0"))
				other.put(rec(topic, 0, "k", "o0"))
				plain.put(rec(topic, 0, "k", "p0"))
				b.put(rec(topic, 0, "k", "b1"))
				other.put(rec(topic, 0, "k", "o1"))
				if err := b.client.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
					t.Error(err)
				}
				other.put(rec(topic, 0, "k", "o2"))
				b.transaction(true, rec(topic, 0, "k", "b2"))
				if err := other.client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
					t.Error(err)
				}
			}, []string{"o0", "p0", "o1", "o2", "b2"}, 7,
		},
	} {
		topic := plain.topic(1)
		c.write(topic)
		for _, fetch := range []int{1, 1 << 20} { // an answer a batch, all in one
			_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}, Fetch: fetch})
			events, counts, err := drain(t, view, plan.Partitions[0], "", 1<<20)
			if err != nil || !slices.Equal(values(events), c.want) || counts.Rows != c.rows {
				t.Errorf("%s, fetch %d: %v, %+v, %v; want %v", name, fetch, values(events), counts, err, c.want)
			}
		}
	}
}

// An open transaction holds the fence, whatever others committed behind it.
func TestOpenTransaction(t *testing.T) {
	t.Parallel()
	plain := newBus(t, devstack.Kafka(t))
	b := newBus(t, plain.brokers, kgo.TransactionalID(devstack.Name(t)))
	topic := plain.topic(1)
	plain.put(rec(topic, 0, "k", "before"))
	if err := b.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	b.put(rec(topic, 0, "k", "open"))
	plain.put(rec(topic, 0, "k", "behind"))
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	if len(plan.Warnings) != 1 || plan.Rows != 1 {
		t.Errorf("plan: %+v", plan)
	}
	if err := b.client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
	if err != nil || !slices.Equal(values(events), []string{"before"}) {
		t.Errorf("%v, %v", values(events), err)
	}
}

func TestRetentionPassesTheStart(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1)
	for i := range 20 {
		b.put(rec(topic, 0, "k", fmt.Sprint(i)))
	}
	cfg := kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}, Fetch: 1}
	_, plan, view := open(t, cfg)
	r, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context()) //nolint:errcheck // at the end of the test
	batch := &sources.Batch{Limit: 1}
	if err := r.Next(t.Context(), batch); err != nil || string(batch.Records[0].Value) != "0" {
		t.Fatal(batch.Records, err)
	}
	b.deleteBefore(topic, 0, 15)
	for err == nil {
		batch.Reset()
		err = r.Next(t.Context(), batch)
	}
	var lost *kafka.LostRecordsError
	if !errors.As(err, &lost) || lost.Topic != topic || lost.Partition != 0 || lost.Start != 15 || lost.Position < 1 || lost.Position > 3 {
		t.Errorf("%v", err)
	}

	// what accepts that starts at 15, unless it was told otherwise
	cfg.Topics[0].History = kafka.Truncated
	_, plan, view = open(t, cfg)
	if events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20); err != nil || len(events) != 5 {
		t.Errorf("%v, %v", values(events), err)
	}
	for _, offset := range []int64{14, 21} {
		cfg.Topics[0].Offsets = map[int32]int64{0: offset}
		s, err := kafka.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Open(t.Context()); !errors.As(err, &lost) || lost.Position != offset || lost.Start != 15 || lost.End != 20 {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
}

func TestTopicDeletedOrMadeAnew(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	for name, again := range map[string]bool{"deleted": false, "made again": true} {
		topic := b.topic(1)
		for i := range 20 {
			b.put(rec(topic, 0, "k", fmt.Sprint(i)))
		}
		_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}, Fetch: 1, RetryTime: 2 * time.Second})
		r, err := view.Read(t.Context(), plan.Partitions[0], "")
		if err != nil {
			t.Fatal(err)
		}
		batch := &sources.Batch{Limit: 1}
		if err := r.Next(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		b.drop(topic)
		b.awaitGone(topic) // brokers delete later: the rest could be read before that
		if again {
			b.topicNamed(topic, 1, 1)
		}
		for err == nil {
			batch.Reset()
			err = r.Next(t.Context(), batch)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want := "was deleted meanwhile"
		if again {
			want = "made again"
		}
		contains(t, name, err, topic, want)
	}
}

func TestPartitionsAdded(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1)
	b.put(rec(topic, 0, "k", "v"))
	s, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	b.partitions(topic, 3)
	_, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
	contains(t, "in the middle", err, topic+" had 1 partitions and has 3 now", "rebuild")
	_, err = s.Open(t.Context())
	contains(t, "between plan and open", err, topic+" had 1 partitions and has 3 now")
}

func TestWhatTheUserMustPutRight(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1)
	for name, c := range map[string]struct {
		cfg  kafka.Config
		want string
	}{
		"no brokers":  {kafka.Config{Topics: []kafka.Topic{{Name: topic}}}, "no brokers"},
		"no topics":   {kafka.Config{Brokers: b.brokers}, "no topics"},
		"no name":     {kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{}}}, "no name"},
		"twice":       {kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}, {Name: topic}}}, "named twice"},
		"mechanism":   {kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}, SASL: kafka.SASL{Mechanism: "MAGIC"}}, "SCRAM-SHA-512"},
		"slip":        {kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}, {Name: topic + "x", Place: "humpty.yaml:3:4"}}}, "humpty.yaml:3:4: topic " + topic + "x does not exist, or may not be described by this user\n    correct its name"},
		"partition":   {kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic, Offsets: map[int32]int64{9: 0}}}}, "partition 9"},
		"unreachable": {kafka.Config{Brokers: []string{"127.0.0.1:1"}, Topics: []kafka.Topic{{Name: topic}}, RetryTime: time.Millisecond}, "127.0.0.1:1"},
		"no SASL":     {kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}, SASL: kafka.SASL{Mechanism: "plain", User: "u", Password: "p"}}, "SASL PLAIN"},
	} {
		s, err := kafka.New(c.cfg)
		if err == nil {
			_, err = s.Plan(t.Context())
		}
		contains(t, name, err, c.want)
	}
}
