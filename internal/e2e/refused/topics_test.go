//go:build unix

package refused

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

const topicConfiguration = `version: 1
sources:
  bus: {kafka: {brokers: ["${BROKER}"]}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
projections:
  items:
    target: search
    alias: ${ALIAS}
    consistency: live
    writer: follow
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {dynamic: false, properties: {name: {type: keyword}}}}
    document: {from: "bus.${TOPIC}"}
`

// newTopic is a topic of one partition, and what writes an event to it.
func newTopic(t *testing.T, brokers []string) (name string, put func(key, value string)) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.UnknownTopicRetries(1000), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = devstack.Name(t), 1, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	answer, err := request.RequestWith(t.Context(), client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	return topic.Topic, func(key, value string) {
		t.Helper()
		record := &kgo.Record{Topic: topic.Topic, Key: []byte(key), Value: []byte(value)}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// An event that cannot be read is left out, with one letter, through a kill -9; others come.
// A comparison knows of it. Beyond limits.poison the projection is set aside.
func TestUnreadableEvent(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	s := &shop{rig.New(t, "", devstack.Elasticsearch(t)), t}
	topic, put := newTopic(t, brokers)
	s.Env["BROKER"], s.Env["TOPIC"] = brokers[0], topic
	s.Write(t, "humpty.yaml", topicConfiguration)
	for i := range 20 {
		put(fmt.Sprint(i), fmt.Sprintf(`{"name": "item %d"}`, i))
	}
	s.Run(t, "rebuild").Want(t, 0)
	f := s.follow("--quiet")
	put("3", `{"name": "never ends`)
	put("4", `{"name": "good"}`)
	s.until("the others", func() bool { return s.name(s.Alias, "4") == "good" })
	s.says("unreadable events: 1")
	f.end(t, syscall.SIGKILL)
	f = s.follow("--quiet")
	put("5", `{"name": "good"}`)
	s.until("the others", func() bool { return s.name(s.Alias, "5") == "good" })
	s.says("unreadable events: 1")
	if letters := s.Run(t, "dlq", "show", "--most", "0").Out; strings.Count(letters, `"offset":20,`) != 1 || strings.Count(letters, "\n") != 1 {
		t.Errorf("letters are %s", letters)
	}
	if got := s.name(s.Alias, "3"); got != "item 3" {
		t.Errorf("document 3 is %q", got)
	}
	s.Run(t, "verify", "--poison", "1").Want(t, 0, "equal      but for 1 event")
	s.Run(t, "verify").Want(t, 6, "1 events could not be read or applied (limit 0)")
	f.end(t, syscall.SIGTERM).Want(t, 0)
	f = s.follow("--poison", "0")
	s.says("set aside, and tried again each minute")
	f.end(t, syscall.SIGTERM).Want(t, 6, "items is set aside")
}
