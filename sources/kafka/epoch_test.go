package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// epochEnds has a broker answer where the asked epoch ends.
func epochEnds(c *kfake.Cluster, epoch int32, end int64) {
	c.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked, _ := request.(*kmsg.OffsetForLeaderEpochRequest)
		answer, _ := asked.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
		p.Partition, p.LeaderEpoch, p.EndOffset = asked.Topics[0].Partitions[0].Partition, epoch, end
		t := kmsg.NewOffsetForLeaderEpochResponseTopic()
		t.Topic, t.Partitions = asked.Topics[0].Topic, append(t.Partitions, p)
		answer.Topics = append(answer.Topics, t)
		return answer, nil, true
	})
}

// A log that was cut off below a position and written again has other events at its offsets:
// that is a gap, for who tails it and for who goes on with a replay.
func TestLogCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		position sources.Position
		epoch    int32
		end      int64
		want     string // empty: it goes on
	}{
		"the epoch goes on":          {"6@0", 0, 10, ""},
		"it ends at the position":    {"6@0", 0, 6, ""},
		"it ends before":             {"6@0", 0, 5, "read up to offset 6 of leader epoch 0, but in its log leader epoch 0 ends at offset 5"},
		"it is not there":            {"6@3", 1, 6, "leader epoch 3 is not there, and epoch 1 ends at offset 6"},
		"no leader has come so far":  {"6@3", -1, -1, "no leader has come to epoch 3"},
		"the leader does not say":    {"6@0", -1, -1, ""},
		"a position of before":       {"6", 0, 5, ""},
		"nothing was read before it": {"", 0, 0, ""},
	} {
		cluster := fake(t, kfake.NumBrokers(1))
		b := newBus(t, cluster.ListenAddrs())
		b.put(some("events", 0, "v", 10)...)
		epochEnds(cluster, c.epoch, c.end)
		s, plan, view := open(t, kafka.Config{Brokers: cluster.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}})
		tailer, _ := view.(sources.Tailer)
		tailed, err := tailer.Tail(t.Context(), plan.Partitions[0], c.position)
		if err != nil {
			t.Fatal(err)
		}
		read, err := view.Read(t.Context(), plan.Partitions[0], c.position)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []sources.Reader{tailed, read} {
			var gap *sources.ErrChangesLost
			batch := &sources.Batch{Limit: 1 << 20}
			err := r.Next(t.Context(), batch)
			if c.want == "" {
				if err != nil || withoutTopic(t, batch.Position) != "10@0" {
					t.Errorf("%s: at %q, %v", name, batch.Position, err)
				}
			} else if contains(t, name, err, "topic events was cut off", "partition 0", c.want); !errors.As(err, &gap) || s.IsUnavailable(err) {
				t.Errorf("%s: %v (%T) is no gap", name, err, err)
			}
			if err := r.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	}
}

// Each connection asks again: what was read over the one before may be gone since.
func TestLogCutOffBetweenConnections(t *testing.T) {
	t.Parallel()
	n := &network{}
	cluster := fake(t, kfake.NumBrokers(1), kfake.ListenFn(n.listen))
	b := newBus(t, cluster.ListenAddrs())
	for i := range 10 {
		b.put(rec("events", 0, "k", fmt.Sprint(i)))
	}
	_, plan, view := open(t, kafka.Config{Brokers: cluster.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}, Fetch: 1})
	r, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(context.WithoutCancel(t.Context())) }()
	batch := &sources.Batch{Limit: 1}
	for range 5 {
		batch.Reset()
		if err := r.Next(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	epochEnds(cluster, 0, 2)
	n.sever(false)
	for err == nil {
		batch.Reset()
		err = r.Next(t.Context(), batch)
	}
	contains(t, "cut off", err, "leader epoch 0 ends at offset 2")
}

// withoutTopic is a position without the topic's id, which must be there.
func withoutTopic(t *testing.T, p sources.Position) string {
	t.Helper()
	at := strings.LastIndexByte(string(p), '@')
	if len(p)-at != 23 {
		t.Fatalf("position %s has no topic id", p)
	}
	return strings.TrimSuffix(string(p[:at]), "@")
}

// Positions of real brokers have the epoch of their leader, and are gone on from.
func TestPositionsHaveEpochs(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(1)
	b.put(some(topic, 0, "v", 6)...)
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	for _, from := range []sources.Position{"4@0", "4"} {
		r, err := view.Read(t.Context(), plan.Partitions[0], from)
		if err != nil {
			t.Fatal(err)
		}
		batch := &sources.Batch{Limit: 1 << 20}
		if err := r.Next(t.Context(), batch); err != nil || withoutTopic(t, batch.Position) != "6@0" || len(batch.Records) != 2 {
			t.Errorf("from %s: %d records, at %s, %v", from, len(batch.Records), batch.Position, err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := drain(t, view, plan.Partitions[0], "4@7", 1<<20); err == nil {
		t.Error("an epoch that no leader had was taken")
	}
	for _, wrong := range []sources.Position{"x", "4@", "4@x", "@1", "-1", "4@-1", "4@1@1", "4@@", "4@@1", "4@1@AAAAAAAAAAAAAAAAAAAAA", "4@1@AAAAAAAAAAAAAAAAAAAAAA@"} {
		if _, err := view.Read(t.Context(), plan.Partitions[0], wrong); err == nil {
			t.Errorf("position %q was taken", wrong)
		}
	}
}
