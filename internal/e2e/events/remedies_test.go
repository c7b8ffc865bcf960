package events

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
)

const remedyConfig = `version: 1
sources:
  bus: {kafka: {brokers: ["%s"]}}
targets:
  files: {ndjson: {dir: out}}
projections:
  orders:
    target: files
    alias: orders
    index: {}
    document: {from: bus.%s, %s}
`

// refusal is why a rebuild of a configuration is refused.
func refusal(t *testing.T, text string) *problem.Refusal {
	t.Helper()
	file := filepath.Join(t.TempDir(), "humpty.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := assemble.Rebuild(t.Context(), c, c.Projections[0], "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	var no *problem.Refusal
	if _, err := r.Run(t.Context()); !errors.As(err, &no) {
		t.Fatalf("%v (%T) is no refusal", err, err)
	}
	return no
}

// What a refusal of a topic that is not whole names as remedy works when it is typed as it
// stands.
func TestRemediesOfTopicsThatAreNotWhole(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	cut, compacted := newTopic(t, client, 1), newTopic(t, client, 1)
	var middle time.Time
	for i := range 6 {
		for _, topic := range []string{cut, compacted} {
			r := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, `{"n":%d}`, i), Timestamp: time.Unix(int64(1_700_000_000+i), 0)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if i == 4 {
				middle = r.Timestamp
			}
		}
	}
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Offset = 2
	of := kmsg.NewDeleteRecordsRequestTopic()
	of.Topic, of.Partitions = cut, append(of.Partitions, p)
	gone := kmsg.NewPtrDeleteRecordsRequest()
	gone.Topics, gone.TimeoutMillis = append(gone.Topics, of), 10_000
	if answer, err := gone.RequestWith(t.Context(), client); err != nil || answer.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatal(err, answer)
	}
	policy := "compact"
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = "cleanup.policy", &policy
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.Configs = kmsg.ConfigResourceTypeTopic, compacted, append(resource.Configs, c)
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Resources = append(alter.Resources, resource)
	if answer, err := alter.RequestWith(t.Context(), client); err != nil || answer.Resources[0].ErrorCode != 0 {
		t.Fatal(err, answer)
	}
	for topic, ways := range map[string]map[string]string{ // as it is typed: which documents there are then
		cut:       {"accept_truncated: true": "k2 k3 k4 k5", "since: TIME": "k4 k5"},
		compacted: {"accept_truncated: true": "k0 k1 k2 k3 k4 k5", "fold: latest": "k0 k1 k2 k3 k4 k5"},
	} {
		no := refusal(t, fmt.Sprintf(remedyConfig, brokers[0], topic, "fold: merge"))
		if !strings.Contains(no.Why, topic) {
			t.Errorf("%s", no.Why)
		}
		for typed, want := range ways {
			if !strings.Contains(no.Remedy, typed) {
				t.Errorf("%q does not name %q", no.Remedy, typed)
				continue
			}
			line := "fold: merge, " + strings.Replace(typed, "TIME", middle.UTC().Format(time.RFC3339), 1)
			if strings.HasPrefix(typed, "fold:") {
				line = typed
			}
			docs, _ := rebuild(t, fmt.Sprintf(remedyConfig, brokers[0], topic, line), "orders")
			if got := strings.Join(slices.Sorted(maps.Keys(docs)), " "); got != want {
				t.Errorf("%s: documents %s, want %s", typed, got, want)
			}
		}
	}
}
