package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/testenv/devstack"
	data "humpty/internal/testenv/shop"
)

// bus is the real broker, written to by a client of another make.
type bus struct {
	t       *testing.T
	brokers []string
	client  *kgo.Client
	queue   []*kgo.Record
}

func newBus(t *testing.T) *bus {
	t.Helper()
	b := &bus{t: t, brokers: devstack.Kafka(t)}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(20*time.Millisecond), kgo.UnknownTopicRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b.client = client
	return b
}

func (b *bus) topic(partitions int32) string {
	b.t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = devstack.Name(b.t), partitions, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(b.t.Context()), 10*time.Second)
		defer cancel()
		gone := kmsg.NewPtrDeleteTopicsRequest()
		gone.TopicNames, gone.TimeoutMillis = []string{topic.Topic}, 10_000
		named := kmsg.NewDeleteTopicsRequestTopic()
		named.Topic = &topic.Topic
		gone.Topics = append(gone.Topics, named)
		_, _ = gone.RequestWith(ctx, b.client)
	})
	return topic.Topic
}

// put writes events of a key; an empty value is a tombstone.
func (b *bus) put(topic string, partition int32, key string, values ...string) {
	b.t.Helper()
	var records []*kgo.Record
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key)}
		if v != "" {
			r.Value = []byte(v)
		}
		records = append(records, r)
	}
	if err := b.client.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// enqueue and flush write many events at once.
func (b *bus) enqueue(topic string, partition int32, key, header, value string) {
	r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key)}
	if value != "" {
		r.Value = []byte(value)
	}
	if header != "" {
		r.Headers = []kgo.RecordHeader{{Key: "visit", Value: []byte(header)}}
	}
	b.queue = append(b.queue, r)
}

func (b *bus) flush() {
	b.t.Helper()
	if err := b.client.ProduceSync(b.t.Context(), b.queue...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	b.queue = nil
}

const parcelsConfig = `version: 1
sources:
  shop: {postgres: {dsn: "${SHOP_DSN}"}}
  bus: {kafka: {brokers: ["${BROKER}"]}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
projections:
  parcels:
    target: search
    alias: ${ALIAS}
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {dynamic: true}}
    document:
      from: bus.${TOPIC}
      type: type
      handlers:
        Packed: [{set: order_id, from: order_id}, {set: status, value: packed}]
        Moved: [{append: stops, from: stop}, {increment: moves, value: 1}]
        Lost: [{delete: true}]
`

// newParcels is a shop whose projection is made of events.
func newParcels(t *testing.T, partitions int32) (*shop, *bus, string) {
	t.Helper()
	s := newShop(t)
	b := newBus(t)
	topic := b.topic(partitions)
	s.env["BROKER"], s.env["TOPIC"] = b.brokers[0], topic
	s.write(t, "humpty.yaml", parcelsConfig)
	return s, b, topic
}

// documents is everything that the alias serves, by id, in canonical JSON.
func (s *shop) documents(t *testing.T) map[string]string {
	t.Helper()
	status, body := s.request(t, t.Context(), http.MethodGet, "/"+s.alias+"/_search?size=10000", "")
	var found struct {
		Hits struct {
			Hits []struct {
				ID     string `json:"_id"`
				Source any    `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil || status != http.StatusOK {
		t.Fatalf("search: %d %s", status, body)
	}
	all := map[string]string{}
	for _, h := range found.Hits.Hits {
		text, err := json.Marshal(h.Source)
		if err != nil {
			t.Fatal(err)
		}
		all[h.ID] = string(text)
	}
	return all
}

func TestRebuildFromEvents(t *testing.T) {
	t.Parallel()
	s, b, topic := newParcels(t, 3)
	for i := range int32(30) {
		key := fmt.Sprint("p", i)
		b.put(topic, i%3, key, fmt.Sprintf(`{"type":"Packed","order_id":%d}`, i), `{"type":"Moved","stop":"Rome"}`, `{"type":"Moved","stop":"Ulm"}`)
		if i%10 == 9 {
			b.put(topic, i%3, key, `{"type":"Lost"}`)
		}
	}
	s.run(t.Context(), "check").want(t, 0, "source bus is fine: about 93 rows")
	s.run(t.Context(), "plan").want(t, 0, "93 events of 3 partitions are folded first", "Nothing was changed")
	a := s.run(t.Context(), "rebuild", "--json")
	a.want(t, 0)
	record := a.result(t)["record"].(map[string]any)
	inputs := record["inputs"].(map[string]any)
	if len(inputs) != 3 {
		t.Errorf("inputs: %v", inputs)
	}
	var read, used, folded float64
	for id, in := range inputs {
		c := in.(map[string]any)
		if !strings.HasPrefix(id, topic+"/") || c["read"] != c["used"].(float64)+c["folded"].(float64) {
			t.Errorf("%s: %v", id, c)
		}
		read, used, folded = read+c["read"].(float64), used+c["used"].(float64), folded+c["folded"].(float64)
	}
	if read != 93 || used != 27 || folded != 66 {
		t.Errorf("read %v, used %v, folded %v", read, used, folded)
	}
	docs := s.documents(t)
	if len(docs) != 27 || docs["p7"] != `{"moves":2,"order_id":7,"status":"packed","stops":["Rome","Ulm"]}` {
		t.Errorf("%d documents, p7 is %s", len(docs), docs["p7"])
	}
	meta := s.run(t.Context(), "status", "--json").out
	if !strings.Contains(meta, `"`+topic+`/0":"31@`) {
		t.Errorf("no fences in the meta: %s", meta)
	}
	s.run(t.Context(), "verify").want(t, 0, "0 missing, 0 stale, 0 extra")

	// what has come since differs, and a repair folds just that
	b.put(topic, 1, "p7", `{"type":"Moved","stop":"Oslo"}`)
	b.put(topic, 2, "p8", `{"type":"Lost"}`)
	s.run(t.Context(), "verify", "--settle", "10ms").want(t, exitDiffers, "p7", "p8")
	s.run(t.Context(), "repair", "--settle", "10ms", "--max-delete", "5", "--max-stale", "5").want(t, 0)
	docs = s.documents(t)
	if len(docs) != 26 || docs["p7"] != `{"moves":3,"order_id":7,"status":"packed","stops":["Rome","Ulm","Oslo"]}` {
		t.Errorf("%d documents, p7 is %s", len(docs), docs["p7"])
	}
}

func TestPoisonBlocksTheSwap(t *testing.T) {
	t.Parallel()
	s, b, topic := newParcels(t, 1)
	b.put(topic, 0, "a", `{"type":"Packed","order_id":1}`, `{"type":"Eaten"}`, `{"type":`)
	a := s.run(t.Context(), "rebuild")
	a.want(t, exitRejections, "2 events", "limits.poison", "humpty dlq")
	if index, _ := s.serving(t); index != "" {
		t.Errorf("the alias serves %s", index)
	}
	s.run(t.Context(), "dlq", "list").want(t, 0, "1 events, Eaten", topic+"/0 at 1", "no handler for events of type")
	s.run(t.Context(), "dlq", "show").want(t, 0, `"topic":"`+topic+`","partition":0,"offset":2`, `"value":{"text":"{\"type\":"}`)
	s.edit(t, "    document:\n", "    limits: {poison: 2}\n    document:\n")
	s.run(t.Context(), "rebuild").want(t, 0, "1 written")
	if docs := s.documents(t); docs["a"] != `{"order_id":1,"status":"packed"}` {
		t.Errorf("%v", docs)
	}
}

// A script that backtracks over one event, and puts a Map into the document for another: both are
// letters with offset and key, and what is left of the documents is written. One that is async
// is refused with its place.
func TestScriptThatRunsAway(t *testing.T) {
	t.Parallel()
	s, b, topic := newParcels(t, 1)
	s.write(t, "parcels.js", `module.exports = {
		Packed: (state, event) => { state.n = (state.n || 0) + 1; if (event.note) state.ok = /^(a+)+$(?=x)?/.test(event.note) },
		Eaten: state => { state.by = new Map() },
	}`)
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(text), "      handlers:")
	if !ok {
		t.Fatal("the configuration has no handlers")
	}
	s.write(t, "humpty.yaml", before+"      script: parcels.js\n")
	b.put(topic, 0, "a", `{"type":"Packed"}`, `{"type":"Packed","note":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}`, `{"type":"Eaten"}`, `{"type":"Packed"}`)
	b.put(topic, 0, "b", `{"type":"Packed"}`)
	s.run(t.Context(), "rebuild").want(t, exitRejections, "2 events", "limits.poison")
	s.run(t.Context(), "dlq", "list").want(t, 0, topic+"/0 at 1", "it takes more than 1s of processor time", topic+"/0 at 2", "the state.by is a Map")
	s.edit(t, "    document:\n", "    limits: {poison: 2}\n    document:\n")
	s.run(t.Context(), "rebuild").want(t, 0, "2 written")
	if docs := s.documents(t); len(docs) != 2 || docs["a"] != `{"n":2}` || docs["b"] != `{"n":1}` {
		t.Errorf("%v", docs)
	}
	s.write(t, "parcels.js", "module.exports = {\n  Packed: async state => { state.n = 1 },\n}")
	s.run(t.Context(), "check").want(t, exitUsage, "parcels.js:2:11: the handler Packed is async", "humpty.yaml:")
}

// The README's example of events, on real servers, with the README's own files.
func TestReadmeFromEvents(t *testing.T) {
	t.Parallel()
	s, b := newShop(t), newBus(t)
	if _, err := data.Seed(t.Context(), s.dsn, data.Options{Orders: 50}); err != nil {
		t.Fatal(err)
	}
	topic := b.topic(2)
	text := block(t, "yaml", "parcel-events")
	for old, name := range map[string]string{"bus.parcel-events": "bus." + topic, "alias: parcels": "alias: " + s.alias + "-parcels", "alias: orders": "alias: " + s.alias} {
		if !strings.Contains(text, old) {
			t.Fatalf("the README has no %q", old)
		}
		text = strings.ReplaceAll(text, old, name)
	}
	s.write(t, "humpty.yaml", text)
	s.env["KAFKA"], s.env["SEARCH_URL"] = b.brokers[0], s.es
	events := block(t, "json", `"Packed"`)
	s.write(t, "events.ndjson", events)
	order := s.scalar(t, "SELECT min(o_orderkey)::text FROM shop.orders")
	for l := range strings.Lines(strings.ReplaceAll(events, `"order": 1`, `"order": `+order)) {
		b.put(topic, 1, "any", strings.TrimSpace(l))
	}
	commands := regexp.MustCompile(`(?m)^humpty ([^#\n]*)(?:# (.*))?$`).FindAllStringSubmatch(block(t, "sh", "humpty project parcels"), -1)
	if len(commands) != 4 {
		t.Fatalf("%d commands", len(commands))
	}
	for _, c := range commands {
		args := strings.Fields(strings.ReplaceAll(c[1], "events.ndjson", filepath.Join(filepath.Dir(s.file), "events.ndjson")))
		s.run(t.Context(), args...).want(t, 0, c[2])
	}
	at := *s
	at.alias = s.alias + "-parcels"
	if doc := at.documents(t)["p1"]; !strings.Contains(doc, `"moves":1,"order":`+order) || !strings.Contains(doc, `"sold":{"o_orderstatus":`) {
		t.Errorf("the parcel is %s", doc)
	}
	if doc := s.documents(t)[order]; !strings.Contains(doc, `"parcels":[{"moves":1,"order":`+order+`,"status":"moving","stops":["Rome"]}]`) {
		t.Errorf("the order is %s", doc)
	}
}

// scalar is the one value that a query gives.
func (s *shop) scalar(t *testing.T, query string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
