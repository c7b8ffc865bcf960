//go:build unix

package outages

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// servers are those that the tests kill.
type servers struct {
	*devstack.Stack
	es string
}

// newServers starts them; a target of its own only if the test kills it, since that takes long.
func newServers(t *testing.T, target devstack.Kind) *servers {
	t.Helper()
	o := devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres, devstack.KindKafka}}
	if target != "" {
		o.Servers = append(o.Servers, target)
		o.Config = map[devstack.Kind][]string{target: {"cluster.routing.allocation.disk.threshold_enabled: false"}}
	}
	s := &servers{Stack: devstack.Private(t, o)}
	switch target {
	case devstack.KindElasticsearch:
		s.es = s.Addresses().Elasticsearch
	case devstack.KindOpenSearch:
		s.es = s.Addresses().OpenSearch
	default:
		s.es = devstack.Elasticsearch(t)
	}
	return s
}

const orders, customers = 300, 20

// world is a shop whose orders have a shipment from a topic.
type world struct {
	*rig.Shop
	client    *kgo.Client
	topic     string
	shipments map[string]string // by order
	n         int
}

func newWorld(t *testing.T, s *servers) *world {
	t.Helper()
	return newWorldOn(t, s.Addresses().Postgres, s.es, s.Addresses().Kafka)
}

func newWorldOn(t *testing.T, pg, es string, brokers []string) *world {
	t.Helper()
	name := devstack.Name(t)
	admin, err := pgx.Connect(t.Context(), pg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	_ = admin.Close(t.Context())
	w := &world{
		Shop:  rig.New(t, strings.Replace(pg, "/postgres?", "/"+name+"?", 1), es),
		topic: name, shipments: map[string]string{},
	}
	if w.client, err = kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.UnknownTopicRetries(1000), kgo.MetadataMinAge(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = w.topic, 3, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	if _, err := request.RequestWith(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	w.Live(t, "follow", "    limits: {batch: 8KB, writers: 2}\n")
	w.Edit(t,
		"sources:\n", "sources:\n  bus: {kafka: {brokers: [\"${BROKER}\"], patience: 1s}}\n",
		"      include:\n", "      include:\n        shipment: {from: \"bus.${TOPIC}\", fold: latest, one: true}\n")
	w.Write(t, "orders.index.json", strings.Replace(rig.Index, `"id": {`, `"shipment": {"type": "object", "enabled": false}, "id": {`, 1))
	w.Env["BROKER"], w.Env["TOPIC"] = brokers[0], w.topic
	w.SQL(t, rig.UnconstrainedTables(orders, customers))
	for range 5 {
		w.ship(t, 60)
	}
	return w
}

// ship writes events.
func (w *world) ship(t *testing.T, n int) {
	t.Helper()
	var all []*kgo.Record
	for range n {
		w.n++
		id := fmt.Sprint(1 + w.n*7%(orders+20))
		w.shipments[id] = fmt.Sprintf(`{"no":%d}`, w.n)
		r := &kgo.Record{Topic: w.topic, Key: []byte(id), Value: []byte(w.shipments[id])}
		if w.n%11 == 0 {
			r.Value = nil
			delete(w.shipments, id)
		}
		all = append(all, r)
	}
	if err := w.client.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// change is what the application does, in both places.
func (w *world) change(t *testing.T) {
	t.Helper()
	w.ship(t, 30)
	w.SQL(t, fmt.Sprintf(`UPDATE orders SET note = 'changed %d' WHERE id %% 10 = %d; DELETE FROM line WHERE order_id = %[2]d;
		UPDATE customer SET name = name || '!' WHERE id = %[2]d; INSERT INTO orders VALUES (%d, 1, '2026-03-03', 1, 'new')`, w.n, w.n%10, 1000+w.n))
}

// differing names what the alias serves and should not.
func (w *world) differing(t *testing.T) (all []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), rig.Oracle)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	var id, doc string
	_, err = pgx.ForEachRow(rows, []any{&id, &doc}, func() error {
		shipment := w.shipments[id]
		if shipment == "" {
			shipment = "null"
		}
		want[id] = plain(t, strings.TrimSuffix(doc, "}")+`, "shipment": `+shipment+"}")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Request(t, http.MethodPost, "/"+w.Alias+"/_refresh", "")
	_, body := w.Request(t, http.MethodGet, "/"+w.Alias+"/_search?size=1000", "")
	var found struct {
		Hits struct {
			Hits []struct {
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil {
		t.Fatal(err)
	}
	for _, h := range found.Hits.Hits {
		if doc, known := want[h.ID]; !known || !reflect.DeepEqual(plain(t, string(h.Source)), doc) {
			all = append(all, fmt.Sprintf("order %s is %s, want %v", h.ID, h.Source, doc))
		}
		delete(want, h.ID)
	}
	for id := range want {
		all = append(all, "order "+id+" is missing")
	}
	slices.Sort(all)
	return all
}

func (w *world) equal(t *testing.T) {
	t.Helper()
	if all := w.differing(t); len(all) > 0 {
		t.Errorf("%d documents are not as the sources have them, first %s", len(all), all[:min(len(all), 3)])
	}
}

func plain(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// output is what a process says, while it runs.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
