package kafka_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// ends reads a partition to its end and returns the position there.
func end(t *testing.T, view sources.View, p sources.Partition) sources.Position {
	t.Helper()
	r, err := view.Read(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // at the end of the test
	batch := &sources.Batch{Limit: 1 << 20}
	if err := r.Next(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return batch.Position
}

// A topic that was deleted and made again under the same name is another one, also where it
// is longer than before: positions say which one they are of.
func TestTopicMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	topic := b.topic(2)
	b.put(some(topic, 0, "v", 5)...)
	b.put(some(topic, 1, "v", 3)...)
	cfg := kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}}
	s, plan, view := open(t, cfg)
	at := map[string]sources.Position{
		topic + "/0": end(t, view, plan.Partitions[0]), topic + "/1": end(t, view, plan.Partitions[1]), "of another/0": "7",
	}
	if note, err := s.CheckPositions(t.Context(), at); note != "" || err != nil {
		t.Fatalf("as it was: %q, %v", note, err)
	}
	fences, _ := view.(sources.EndOffsets)
	before := fences.EndOffsets()
	reader, err := view.Read(t.Context(), plan.Partitions[1], "")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // at the end of the test

	b.drop(topic)
	b.awaitGone(topic)
	again := newBus(t, b.brokers) // the other one holds on to the topic that it knew
	again.topicNamed(topic, 2, 1)
	again.put(some(topic, 0, "w", 9)...)
	again.put(some(topic, 1, "w", 9)...)

	_, now, grown := open(t, cfg)
	tailer, _ := grown.(sources.Tailer)
	for _, p := range now.Partitions {
		for _, from := range []sources.Position{at[p.ID], before[p.ID]} {
			tail, err := tailer.Tail(t.Context(), p, from)
			if err != nil {
				t.Fatal(err)
			}
			replay, err := grown.Read(t.Context(), p, from)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []sources.Reader{tail, replay} {
				var gap *sources.ErrChangesLost
				err := r.Next(t.Context(), &sources.Batch{Limit: 1 << 20})
				if contains(t, "from "+string(from), err, topic, "made again under the same name", "rebuild"); !errors.As(err, &gap) || s.IsUnavailable(err) {
					t.Errorf("%v (%T) is no gap", err, err)
				}
				if err := r.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		var gap *sources.ErrChangesLost
		_, err := s.CheckPositions(t.Context(), map[string]sources.Position{p.ID: at[p.ID]})
		if contains(t, "checked", err, "made again under the same name", "read up to offset"); !errors.As(err, &gap) {
			t.Errorf("%v (%T) is no gap", err, err)
		}
	}
	// who began before does not read the new one as if it were the old one
	err = reader.Next(t.Context(), &sources.Batch{Limit: 1 << 20})
	contains(t, "opened before", err, "made again under the same name")
	tailer, _ = view.(sources.Tailer)
	_, err = tailer.LatestOffsets(t.Context())
	contains(t, "fence of before", err, "made again under the same name")
}

// Where a position does not say of what it is, the ends of the logs are what is left, and
// that is said.
func TestPositionsThatSayLess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at    sources.Position
		epoch int32
		end   int64
		note  string
		want  string
	}{
		"complete":           {"6@0", 0, 10, "", ""},
		"cut off":            {"6@0", 0, 5, "", "leader epoch 0 ends at offset 5"},
		"no epoch":           {"6", 0, 5, "the positions of events/0 have no leader epoch", ""},
		"no epoch, and past": {"11", 0, 5, "", "ends at offset 10 in partition 0, which was read up to offset 11"},
		"nothing was read":   {"0", 0, 0, "", ""},
		"no answer":          {"6@0", -1, -1, "the brokers do not say where the leader epochs of events/0 end", ""},
	} {
		cluster := fake(t, kfake.NumBrokers(1))
		b := newBus(t, cluster.ListenAddrs())
		b.put(some("events", 0, "v", 10)...)
		epochEnds(cluster, c.epoch, c.end)
		s, _, _ := open(t, kafka.Config{Brokers: cluster.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}})
		note, err := s.CheckPositions(t.Context(), map[string]sources.Position{"events/0": c.at})
		if !strings.Contains(note, c.note) || (note == "") != (c.note == "") {
			t.Errorf("%s: note %q", name, note)
		}
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.want != "" {
			contains(t, name, err, c.want)
		}
		if name == "complete" {
			_, err := s.CheckPositions(t.Context(), map[string]sources.Position{"events/7": "3"})
			contains(t, "a partition that is gone", err, "has no partition 7 any more")
		}
	}
}

// Brokers of before topic ids are read as ever.
func TestBrokersWithoutTopicIDs(t *testing.T) {
	t.Parallel()
	cluster := fake(t, kfake.NumBrokers(1), kfake.MaxVersions(kversion.V2_7_0()))
	b := newBus(t, cluster.ListenAddrs())
	b.put(some("events", 0, "v", 3)...)
	s, plan, view := open(t, kafka.Config{Brokers: cluster.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}})
	if at := end(t, view, plan.Partitions[0]); at != "3@0" {
		t.Errorf("position %s", at)
	}
	if _, err := s.CheckPositions(t.Context(), map[string]sources.Position{"events/0": "3@0@AAAAAAAAAAAAAAAAAAAAAA"}); err != nil {
		t.Error(err)
	}
}
