package events

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
)

const offsetsConfig = `version: 1
sources:
  bus: {kafka: {brokers: ["%s"]}}
targets:
  files: {ndjson: {dir: out}}
projections:
  orders: {target: files, alias: orders, index: {}, document: {from: bus.%[2]s, since: {%[2]s/1: 7}}}
`

// TestOffsets: a partition begins where the configuration says, the others at their start.
func TestOffsets(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	topic := newTopic(t, client, 2)
	var records []*kgo.Record
	for i := range 10 {
		records = append(records, &kgo.Record{Topic: topic, Partition: 1, Key: fmt.Appendf(nil, "k%d", i), Value: []byte("{}")})
	}
	records = append(records, &kgo.Record{Topic: topic, Partition: 0, Key: []byte("other"), Value: []byte("{}")})
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	docs, _ := rebuild(t, fmt.Sprintf(offsetsConfig, brokers[0], topic), "orders")
	if got := strings.Join(slices.Sorted(maps.Keys(docs)), " "); got != "k7 k8 k9 other" {
		t.Error(got)
	}
}
