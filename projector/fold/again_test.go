package fold_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/repair"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources/kafka"
)

// recreate deletes a topic and makes it again, with a client that knows nothing of the first.
func recreate(t *testing.T, brokers []string, client *kgo.Client, topic string, partitions int32) *kgo.Client {
	t.Helper()
	gone := kmsg.NewPtrDeleteTopicsRequest()
	deleted := kmsg.NewDeleteTopicsRequestTopic()
	deleted.Topic = &topic
	gone.Topics, gone.TopicNames, gone.TimeoutMillis = append(gone.Topics, deleted), []string{topic}, 10_000
	if answer, err := gone.RequestWith(t.Context(), client); err != nil || answer.Topics[0].ErrorCode != 0 {
		t.Fatal(err, answer)
	}
	remake := kmsg.NewCreateTopicsRequestTopic()
	remake.Topic, remake.NumPartitions, remake.ReplicationFactor = topic, partitions, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, remake), 10_000
	for made := false; !made; { // the deletion takes a moment
		answer, err := request.RequestWith(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		made = answer.Topics[0].ErrorCode == 0
	}
	again, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.UnknownTopicRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	return again
}

// A topic that was made again, and is longer than before, is no measure of an index that was
// made of the first one: verify and repair refuse it.
func TestTopicMadeAgainIsNotComparedWith(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.UnknownTopicRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	topic := newTopic(t, client, 1)
	produce := func(client *kgo.Client, n int) {
		for i := range n {
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: fmt.Append(nil, i), Value: []byte(`{"n":1}`)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	produce(client, 20)
	source := func() *fold.Source {
		inner, err := kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}})
		if err != nil {
			t.Fatal(err)
		}
		return &fold.Source{Inner: inner, Decoder: &decode.JSON{}, New: handlers.NewMerge, Dir: t.TempDir()}
	}
	target := &sinktest.MemoryTarget{Name: "orders"}
	projection := projector.Projection{Name: "orders", Alias: "orders"}
	rebuild := &projector.Rebuild{Projection: projection, Source: source(), Target: target, Owner: sinks.Owner{Run: "run"}}
	record, err := rebuild.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at := record.Positions[topic+"/0"]; at != "20" {
		t.Errorf("the record has position %s", at)
	}
	survey, err := target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, _ := survey.Find(record.Generation)
	if at := g.Meta.Positions[topic+"/0"]; !strings.HasPrefix(at, "20@0@") {
		t.Errorf("the generation has position %s", at)
	}
	compare := func() error {
		_, err := (&repair.Verify{Projection: projection, Source: source(), Target: target, Owner: sinks.Owner{Run: "verify"}}).Run(t.Context())
		return err
	}
	if err := compare(); err != nil {
		t.Fatalf("the same topic: %v", err)
	}
	produce(recreate(t, brokers, client, topic, 1), 30)
	_, repaired := (&repair.Repair{
		Verify: repair.Verify{Projection: projection, Source: source(), Target: target, Owner: sinks.Owner{Run: "repair"}}, MaxDelete: 1000, MaxStale: 1000,
	}).Run(t.Context())
	for verb, err := range map[string]error{"verify": compare(), "repair": repaired} {
		var refusal *problem.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "made again under the same name") || !strings.Contains(refusal.Remedy, "humpty rebuild orders") {
			t.Errorf("%s: %v", verb, err)
		}
	}
}
