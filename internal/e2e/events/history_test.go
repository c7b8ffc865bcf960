// Package events rebuilds read models from random histories of events on a real broker, as
// the configuration says, and holds them against a serial oracle, byte for byte.
package events

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/deadletter"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/sinks"
	"humpty/sources/kafka"
)

const ordersConfig = `version: 1
sources:
  bus: {kafka: {brokers: ["%s"], memory: "%s", spill: spill, fetch: 4KB}}
targets:
  files: {ndjson: {dir: out}}
projections:
  orders:
    target: files
    alias: orders
    index: {}
    limits: {poison: 1000}
    document:
      from: [bus.%s, bus.%s]
      type: header:type
      handlers:
        Placed: [{set: who, from: who, optional: true}, {set: status, value: placed}]
        Added: [{upsert: items, from: item, by: sku}, {increment: total, from: item.price}]
        Noted: [{append: notes, from: note}]
        Forgot: [{unset: who}]
        Gone: [{delete: true}]
`

// TestHistories: two topics of several partitions, clocks that jump and meet, deletes of
// both kinds, poison of every kind, and transactions of which some are aborted, also the
// last. HUMPTY_HISTORIES=n makes n of them; -run TestHistories/seed_7 one.
func TestHistories(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	histories := 8
	if n, err := strconv.Atoi(os.Getenv("HUMPTY_HISTORIES")); err == nil {
		histories = n
	}
	for seed := range histories {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWriter(t, brokers, uint64(seed))
			history := w.history()
			memory := []string{"64KiB", "64MB"}[seed%2]
			docs, record := rebuild(t, fmt.Sprintf(ordersConfig, brokers[0], memory, w.topics[0], w.topics[1]), "orders")
			want := documents(history)
			for id, text := range want {
				if docs[id] != text {
					t.Errorf("document %s is\n%s, not\n%s", id, docs[id], text)
				}
			}
			if len(docs) != len(want) {
				t.Errorf("%d documents, not %d", len(docs), len(want))
			}
			poison := 0
			for _, e := range history {
				if e.kind == "" {
					poison++
				}
			}
			if in := record.Ledger.Inputs; in.Read != int64(len(history)) || in.Poison != int64(poison) || poison == 0 {
				t.Errorf("%d events with %d of poison: %+v", len(history), poison, in)
			}
		})
	}
}

// writer writes a history into two topics.
type writer struct {
	t      *testing.T
	client *kgo.Client
	dice   *rand.Rand
	topics [2]string
	plain  *kafka.Source
}

// partitions of the topics.
var partitions = [2]int{3, 2}

func newWriter(t *testing.T, brokers []string, seed uint64) *writer {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(devstack.Name(t)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w := &writer{t: t, client: client, dice: rand.New(rand.NewPCG(seed, 11))}
	for i := range w.topics {
		w.topics[i] = newTopic(t, client, int32(partitions[i]))
	}
	w.plain, err = kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: w.topics[0]}, {Name: w.topics[1]}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newTopic(t *testing.T, client *kgo.Client, partitions int32) string {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = devstack.Name(t), partitions, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	answer, err := request.RequestWith(t.Context(), client)
	if err != nil || answer.Topics[0].ErrorCode != 0 {
		t.Fatal(err, answer)
	}
	return topic.Topic
}

// history writes transactions, and returns what was committed, partition by partition in
// order.
func (w *writer) history() (all []event) {
	w.t.Helper()
	const transactions = 20
	for n := range transactions {
		var events []event
		var records []*kgo.Record
		for range 1 + w.dice.IntN(20) {
			e := w.event()
			events = append(events, e)
			r := &kgo.Record{Topic: w.topics[e.topic], Partition: int32(e.partition), Timestamp: time.UnixMilli(e.time), Key: []byte(e.key)}
			if e.value != "" {
				r.Value = []byte(e.value)
				r.Headers = []kgo.RecordHeader{{Key: "type", Value: []byte(e.header)}}
			}
			if e.key == "" {
				r.Key = nil
			}
			records = append(records, r)
		}
		if err := w.client.BeginTransaction(); err != nil {
			w.t.Fatal(err)
		}
		if err := w.client.ProduceSync(w.t.Context(), records...).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
		commit := w.dice.IntN(4) > 0 && n < transactions-1 // the tail is aborted
		if err := w.client.EndTransaction(w.t.Context(), kgo.TransactionEndTry(commit)); err != nil {
			w.t.Fatal(err)
		}
		if commit {
			for i := range events {
				events[i].offset = records[i].Offset
			}
			all = append(all, events...)
		}
	}
	w.settled()
	return all
}

// settled waits until no transaction is open: the broker answers that one has ended before
// its markers are in the log.
func (w *writer) settled() {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		plan, err := w.plain.Plan(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if len(plan.Warnings) == 0 {
			return
		}
		<-tick.C
	}
}

// event is the next one.
func (w *writer) event() event {
	e := event{topic: w.dice.IntN(2), time: int64(1_700_000_000_000 + w.dice.IntN(40)), key: fmt.Sprint("k", w.dice.IntN(25))}
	e.partition = w.dice.IntN(partitions[e.topic])
	kinds := []string{"Placed", "Added", "Added", "Noted", "Forgot", "Gone", "tombstone", "poison"}
	e.kind = kinds[w.dice.IntN(len(kinds))]
	e.header = e.kind
	e.text = []string{"", "Ann", "Łódź \"x\"", "b"}[w.dice.IntN(4)]
	switch e.kind {
	case "Placed":
		e.value = "{}"
		if e.text != "" {
			e.value = object("who", e.text)
		}
	case "Added":
		e.sku, e.price = fmt.Sprint("s", w.dice.IntN(3)), w.dice.IntN(100)
		note := ""
		if e.text != "" {
			note = "," + strings.Trim(object("note", e.text), "{}")
		}
		e.value = fmt.Sprintf(`{"item":{"sku":%q,"price":%d%s}}`, e.sku, e.price, note)
	case "Noted":
		e.value = object("note", e.text)
	case "Forgot", "Gone":
		e.value = "{}"
	case "poison":
		e.kind = ""
		switch w.dice.IntN(5) {
		case 0:
			e.header, e.value, e.unread = "Placed", `{"who":`, true
		case 1:
			e.header, e.value = "Eaten", "{}"
		case 2: // the second step refuses what the first has changed
			e.header, e.value = "Added", `{"item":{"sku":"s1","price":"free"}}`
		case 3:
			e.header, e.value = "Noted", "{}"
		case 4:
			e.header, e.value, e.key, e.unread = "Placed", "{}", "", true
		}
	}
	return e
}

func object(name, text string) string {
	value, _ := json.Marshal(text)
	return fmt.Sprintf("{%q:%s}", name, value)
}

// rebuild runs a projection of a configuration, as the command does, and returns the bodies
// of what its target serves.
func rebuild(t *testing.T, text, name string) (map[string]string, projector.Record) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "humpty.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Projection(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := assemble.Rebuild(t.Context(), c, p, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	to := deadletter.NewWriter(t.Output(), 10_000)
	assemble.UseLetters(r.Source, to)
	record, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	index, err := r.Target.Open(t.Context(), record.Generation)
	docs := map[string]string{}
	if err == nil {
		err = index.Scan(context.WithoutCancel(t.Context()), 0, 1, func(all []sinks.Document) error {
			for _, d := range all {
				docs[string(d.ID)] = string(d.Body)
			}
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return docs, record
}
