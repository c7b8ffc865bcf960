package kafka_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// commit is what a projector of another make does.
func commit(t *testing.T, brokers []string, group, topic string, at map[int]int64) {
	t.Helper()
	client := &kafkago.Client{Addr: kafkago.TCP(brokers...)}
	request := &kafkago.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: map[string][]kafkago.OffsetCommit{}}
	for p, offset := range at {
		request.Topics[topic] = append(request.Topics[topic], kafkago.OffsetCommit{Partition: p, Offset: offset})
	}
	for {
		answer, err := client.OffsetCommit(t.Context(), request)
		if err == nil {
			for _, p := range answer.Topics[topic] {
				err = errors.Join(err, p.Error)
			}
		}
		if err == nil {
			return
		}
		if !errors.Is(err, kafkago.GroupCoordinatorNotAvailable) && !errors.Is(err, kafkago.GroupLoadInProgress) && !errors.Is(err, kafkago.NotCoordinatorForGroup) {
			t.Fatal(err)
		}
	}
}

// The offsets that a projector's group has committed are where the replay ends; what it
// does meanwhile is noticed.
func TestGroupIsTheFence(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	b := newBus(t, brokers)
	topic, group := b.topic(3), devstack.Name(t)
	b.put(append(some(topic, 0, "a", 5), some(topic, 1, "b", 4)...)...)
	commit(t, brokers, group, topic, map[int]int64{0: 3, 1: 4}) // nothing of 2, which is empty
	_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic, Group: group}}})
	if want := []string{"topic " + topic + " is replayed up to where consumer group " + group + " goes on: 2 events are behind that"}; !slices.Contains(plan.Notes, want[0]) || plan.Rows != 7 || len(plan.Warnings) > 0 {
		t.Errorf("plan %+v", plan)
	}
	for i, want := range [][]string{{"a0", "a1", "a2"}, {"b0", "b1", "b2", "b3"}, {}} {
		events, _, err := drain(t, view, plan.Partitions[i], "", 1<<20)
		if err != nil || !slices.Equal(values(events), want) {
			t.Errorf("partition %d: %v, %v; want %v", i, values(events), err, want)
		}
	}
	tailer, _ := view.(sources.Tailer)
	ends, err := tailer.LatestOffsets(t.Context()) // a tail goes on to the end of the log
	if err != nil || ends[topic+"/0"] != "5" {
		t.Errorf("ends %v, %v", ends, err)
	}
	standing, _ := view.(sources.GroupOffsetChecker)
	if err := standing.CheckGroupOffset(t.Context()); err != nil {
		t.Error(err)
	}
	commit(t, brokers, group, topic, map[int]int64{0: 5})
	var gap *sources.ErrChangesLost
	if err := standing.CheckGroupOffset(t.Context()); !errors.As(err, &gap) {
		t.Errorf("a projector that went on: %v", err)
	}
	contains(t, "moved", gap, "group "+group+", partition "+topic+"/0: 3, and now 5", "set it back to "+topic+"/0=3 "+topic+"/1=4 "+topic+"/2=0")
}

func TestGroupThatIsNoFence(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	b := newBus(t, brokers)
	tx := newBus(t, brokers, kgo.TransactionalID(devstack.Name(t)))
	topic, group := b.topic(3), devstack.Name(t)
	for p := range int32(3) {
		b.put(some(topic, p, "v", 6)...)
	}
	look := func(group string) error {
		s, err := kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic, Group: group, Place: "humpty.yaml:7:3"}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Plan(t.Context())
		return err
	}
	contains(t, "unknown", look(group+"x"), "humpty.yaml:7:3", "consumer group "+group+"x is not known, or has committed nothing of topic "+topic, "kafka-consumer-groups.sh --list")
	commit(t, brokers, group, topic, map[int]int64{0: 2})
	contains(t, "some", look(group), "consumer group "+group+" has committed nothing of topic "+topic+", partitions 1, 2, which are not empty", "leave fence out")
	b.deleteBefore(topic, 0, 4)
	if err := tx.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.client.EndTransaction(context.WithoutCancel(t.Context()), kgo.TryAbort) }()
	tx.put(some(topic, 2, "open", 2)...)
	commit(t, brokers, group, topic, map[int]int64{1: 7, 2: 8})
	err := look(group)
	contains(t, "wrong", err, "at offset 2 of partition "+topic+"/0, but retention has passed it: the log now starts at 4",
		"at offset 7 of partition "+topic+"/1, but the log ends at 6", "at offset 8 of partition "+topic+"/2, behind an open transaction: only what lies before 6 is committed")
	var all problem.List
	if errors.As(err, &all); len(all) != 3 {
		t.Errorf("%d problems: %v", len(all), err)
	}
}
