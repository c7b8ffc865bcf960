package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// tiers has a broker say where its tiers end; it leaves all other questions to the fake.
func tiers(c *kfake.Cluster, local, tiered int64) {
	c.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked, _ := request.(*kmsg.ListOffsetsRequest)
		at, ok := map[int64]int64{-4: local, -5: tiered}[asked.Topics[0].Partitions[0].Timestamp]
		if !ok {
			return nil, nil, false
		}
		answer, _ := asked.ResponseKind().(*kmsg.ListOffsetsResponse)
		p := kmsg.NewListOffsetsResponseTopicPartition()
		p.Partition, p.Offset = asked.Topics[0].Partitions[0].Partition, at
		t := kmsg.NewListOffsetsResponseTopic()
		t.Topic, t.Partitions = asked.Topics[0].Topic, append(t.Partitions, p)
		answer.Topics = append(answer.Topics, t)
		return answer, nil, true
	})
}

// deniedFrom has a broker deny the offsets from one on.
func deniedFrom(c *kfake.Cluster, offset int64) {
	c.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		fetch, _ := request.(*kmsg.FetchRequest)
		if fetch.Topics[0].Partitions[0].FetchOffset < offset {
			return nil, nil, false
		}
		answer, _ := fetch.ResponseKind().(*kmsg.FetchResponse)
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.ErrorCode = fetch.Topics[0].Partitions[0].Partition, 1
		t := kmsg.NewFetchResponseTopic()
		t.Topic, t.Partitions = fetch.Topics[0].Topic, append(t.Partitions, p)
		answer.Topics = append(answer.Topics, t)
		return answer, nil, true
	})
}

// What is in neither tier of a log is a gap; what may only be slow stays an outage.
func TestHoleBetweenTheTiers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		local, tiered int64
		denied        bool
		newest        *kversion.Versions // nil: all
		gap           bool
	}{
		"in neither":                         {8, 3, false, nil, true},
		"nothing is tiered":                  {8, -1, false, nil, true},
		"in the remote tier, which is slow":  {8, 7, false, nil, false},
		"on the broker's disk":               {5, 4, false, nil, false},
		"denied by the remote tier":          {8, 7, true, nil, true},
		"denied, though it is on the disk":   {5, 4, true, nil, false},
		"a broker without the latest tiered": {8, 3, false, kversion.V3_7_0(), false},
		"… which denies it":                  {8, 3, true, kversion.V3_7_0(), true},
		"a broker that knows no tiers":       {8, 3, true, kversion.V3_0_0(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := []kfake.Opt{kfake.NumBrokers(1)}
			if c.newest != nil {
				opts = append(opts, kfake.MaxVersions(c.newest))
			}
			cluster := fake(t, opts...)
			b := newBus(t, cluster.ListenAddrs())
			for _, r := range some("events", 0, "v", 10) {
				b.put(r)
			}
			if c.denied {
				deniedFrom(cluster, 5)
			} else {
				emptyFrom(cluster, 5, 0, -1)
			}
			tiers(cluster, c.local, c.tiered)
			s, plan, view := open(t, kafka.Config{Brokers: cluster.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}, Fetch: 1, RetryTime: 300 * time.Millisecond})
			s.RetryOutages(3*time.Second, nil)
			tailer, _ := view.(sources.Tailer)
			tail, err := tailer.Tail(t.Context(), plan.Partitions[0], "5")
			if err != nil {
				t.Fatal(err)
			}
			defer tail.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // at the end of the test
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			events, _, replay := drain(t, view, plan.Partitions[0], "", 1<<20)
			for name, err := range map[string]error{"replay": replay, "tail": tail.Next(ctx, &sources.Batch{Limit: 1 << 20})} {
				var gap *sources.ErrChangesLost
				if is := errors.As(err, &gap); is != c.gap || s.IsUnavailable(err) == c.gap || len(events) != 5 {
					t.Errorf("%s: %d events, %v (%T)", name, len(events), err, err)
				}
				if c.gap {
					contains(t, name, err, "topic events, partition 0: offset 5 is in neither tier", "the broker's own disk has it from 8 on", "since:")
				}
			}
		})
	}
}

// A real broker answers what is asked of tiers, also where it has only one.
func TestTiersOfARealBroker(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1)
	b.put(some(topic, 0, "v", 10)...)
	b.deleteBefore(topic, 0, 4)
	local, tiered, err := kafka.AskTiers(t.Context(), b.brokers, topic)
	if err != nil || local != 4 || tiered != -1 {
		t.Errorf("the disk begins at %d, remote storage ends at %d, %v", local, tiered, err)
	}
}
