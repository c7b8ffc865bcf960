package events

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/projector/report"
)

const groupConfig = `version: 1
sources:
  bus: {kafka: {brokers: ["%s"]}}
targets:
  files: {ndjson: {dir: out}}
projections:
  orders:
    target: files
    alias: orders
    index: {}
    document:
      from: bus.%[2]s
      fence: {group: %[4]s}
      include:
        notes: {from: bus.%[3]s, fence: {group: %[4]s}, on: {order: n}, many: true}
`

// projects commits where the application's projector is.
func projects(t *testing.T, brokers []string, group string, at map[string]int64) {
	t.Helper()
	client := &kafkago.Client{Addr: kafkago.TCP(brokers...)}
	request := &kafkago.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: map[string][]kafkago.OffsetCommit{}}
	for topic, offset := range at {
		request.Topics[topic] = []kafkago.OffsetCommit{{Offset: offset}}
	}
	for {
		answer, err := client.OffsetCommit(t.Context(), request)
		if err == nil {
			for topic := range at {
				err = errors.Join(err, answer.Topics[topic][0].Error)
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

// A document of two topics is built as far as the application's projector has come, which
// goes on there; one that went on during the run keeps the alias from being swapped.
func TestGroupAsTheFence(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	orders, notes, group := newTopic(t, client, 1), newTopic(t, client, 1), devstack.Name(t)
	for i := range 4 {
		for topic, value := range map[string]string{orders: fmt.Sprintf(`{"n":%d}`, i), notes: fmt.Sprintf(`{"order":%d}`, i)} {
			r := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Value: []byte(value)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	projects(t, brokers, group, map[string]int64{orders: 3, notes: 2})
	text := fmt.Sprintf(groupConfig, brokers[0], orders, notes, group)
	docs, record := rebuild(t, text, "orders")
	if got := strings.Join(slices.Sorted(maps.Keys(docs)), " "); got != "k0 k1 k2" {
		t.Errorf("documents %s", got)
	}
	if docs["k1"] != `{"n":1,"notes":[{"order":1}]}` || docs["k2"] != `{"n":2,"notes":[]}` {
		t.Errorf("%v", docs)
	}
	if record.Positions[orders+"/0"] != "3" || record.Positions["notes:"+notes+"/0"] != "2" {
		t.Errorf("positions %v", record.Positions)
	}
	for _, moves := range []string{orders, notes} {
		projects(t, brokers, group, map[string]int64{orders: 3, notes: 2})
		err := beside(t, text, func() { projects(t, brokers, group, map[string]int64{moves: 4}) })
		var refusal *problem.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Why, "the projector went on during the run") || !strings.Contains(refusal.Why, moves+"/0: ") ||
			!strings.Contains(refusal.Remedy, "set it back to "+moves+"/0=") || !strings.Contains(refusal.Remedy, "humpty swap orders --to orders-") {
			t.Errorf("%v", err)
		}
	}
}

// beside runs a rebuild, with something else while it verifies.
func beside(t *testing.T, text string, then func()) error {
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
	r.Observe = func(e report.Event) {
		if e.Phase == report.PhaseVerify && e.Kind == report.Started {
			then()
		}
	}
	_, err = r.Run(context.WithoutCancel(t.Context()))
	return err
}
