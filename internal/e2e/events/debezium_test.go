package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
)

const accountsConfig = `version: 1
sources:
  bus: {kafka: {brokers: ["%s"]}}
targets:
  files: {ndjson: {dir: out}}
projections:
  accounts:
    target: files
    alias: accounts
    index: {}
    limits: {poison: 1}
    document:
      from: bus.%s
      debezium: true
      since: 2026-01-01T00:00:00Z
`

// TestDebezium: rows as Debezium writes them, with and without schemas, by producers with
// every codec: snapshots, changes, deletions with their tombstones, a large column that
// was not sent, and what came before since.
func TestDebezium(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	topic := newTopic(t, admin, 2)
	const schema = `{"schema":{"type":"struct","optional":false},"payload":%s}`
	note := strings.Repeat("long and dull ", 200)
	old, now := time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	want := map[string]string{}
	for i, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		var records []*kgo.Record
		put := func(at time.Time, wrapped bool, id int, payload string) {
			key := fmt.Sprintf(`{"id":%d}`, id)
			if wrapped {
				key = fmt.Sprintf(schema, key)
				payload = fmt.Sprintf(schema, payload)
			}
			records = append(records, &kgo.Record{Topic: topic, Partition: int32(id % 2), Timestamp: at, Key: []byte(key), Value: []byte(payload)})
		}
		row := func(id, price int) string { return fmt.Sprintf(`{"id":%d,"price":%d.10,"note":%q}`, id, price, note) }
		if i == 0 {
			put(old, false, 1, fmt.Sprintf(`{"before":null,"after":%s,"op":"c"}`, row(1, 1)))
			put(old, true, 2, fmt.Sprintf(`{"before":null,"after":%s,"op":"c"}`, row(2, 1)))
		}
		for n := 2; n <= 9; n++ {
			id, wrapped := 100*i+n, n%2 == 0
			put(now, wrapped, id, fmt.Sprintf(`{"before":null,"after":%s,"source":{"lsn":7},"op":"r","ts_ms":1}`, row(id, 1)))
			put(now, !wrapped, id, fmt.Sprintf(`{"before":null,"after":%s,"op":"u"}`, row(id, n)))
			if n == 9 {
				put(now, wrapped, id, fmt.Sprintf(`{"before":{"id":%d},"after":null,"op":"d"}`, id))
				records = append(records, &kgo.Record{Topic: topic, Partition: int32(id % 2), Timestamp: now, Key: records[len(records)-1].Key}) // its tombstone
				continue
			}
			want[fmt.Sprint(id)] = row(id, n)
		}
		if i == 3 { // the note was too large to be sent again
			put(now, false, 302, `{"before":null,"after":{"id":302,"price":9.90,"note":"__debezium_unavailable_value"},"op":"u"}`)
		}
		if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	docs, record := rebuild(t, fmt.Sprintf(accountsConfig, brokers[0], topic), "accounts")
	for id, text := range want {
		if docs[id] != text {
			t.Errorf("document %s is\n%.100s, not\n%.100s", id, docs[id], text)
		}
	}
	if in := record.Ledger.Inputs; len(docs) != len(want) || in.Poison != 1 || in.Read != 4*(2*8+2)+1 {
		t.Errorf("%d documents, not %d: %+v", len(docs), len(want), in)
	}
}
