//go:build unix

package fold_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/fold/script"
	"humpty/sources"
	"humpty/sources/kafka"
)

const benchEvents = 500_000

// orders is events of about 250 bytes, 10 for each key, in 4 partitions.
func orders(n int) *history {
	h := &history{page: 4000}
	kinds := []string{"OrderPlaced", "ItemAdded", "ItemAdded", "ItemAdded", "ItemAdded", "Paid", "ItemAdded", "Packed", "Shipped", "Delivered"}
	for p := range 4 {
		part := partition{id: fmt.Sprintf("orders/%d", p)}
		keys := n / 40
		for i := range n / 4 {
			key, step := i%keys, i/keys
			part.event(int64(i), fmt.Sprintf("order-%d-%07d", p, key), fmt.Sprintf(
				`{"type":"%s","order_id":"order-%d-%07d","item":{"sku":"B-%05d","quantity":%d,"price":%d.99},"at":"2026-11-24T06:00:%02d.000Z","source":{"app":"shop","version":"3.14.15","host":"web-17"},"note":"left at the door, as always"}`,
				kinds[step], p, key, i%97+step, step+1, i%50, step))
		}
		h.partitions = append(h.partitions, part)
	}
	return h
}

func declaredOrders(b testing.TB) func() (fold.Fold, error) {
	status := func(s string) handlers.Step {
		return handlers.Step{Do: handlers.Set, Field: []string{"status"}, Value: []byte(`"` + s + `"`)}
	}
	at := func(field string) handlers.Step {
		return handlers.Step{Do: handlers.Set, Field: []string{field}, From: []string{"at"}}
	}
	f, err := handlers.ByType{Types: map[string][]handlers.Step{
		"OrderPlaced": {status("placed"), at("placed_at"), {Do: handlers.Set, Field: []string{"id"}, From: []string{"order_id"}}},
		"ItemAdded": {
			{Do: handlers.Upsert, Field: []string{"items"}, From: []string{"item"}, By: "sku"},
			{Do: handlers.Increment, Field: []string{"quantity"}, From: []string{"item", "quantity"}},
		},
		"Paid": {status("paid"), at("paid_at")}, "Packed": {status("packed")},
		"Shipped": {status("shipped"), at("shipped_at")}, "Delivered": {status("delivered"), at("delivered_at")},
	}}.New()
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func scriptedOrders(b testing.TB) func() (fold.Fold, error) {
	f, err := script.New("orders.js", `module.exports = {
		$init: () => ({items: {}, quantity: 0}),
		OrderPlaced: (s, e) => { s.status = 'placed'; s.placed_at = e.at; s.id = e.order_id },
		ItemAdded: (s, e) => { const item = e.item; s.items[item.sku] = item; s.quantity += item.quantity },
		Paid: (s, e) => { s.status = 'paid'; s.paid_at = e.at },
		Packed: s => { s.status = 'packed' },
		Shipped: (s, e) => { s.status = 'shipped'; s.shipped_at = e.at },
		Delivered: (s, e) => { s.status = 'delivered'; s.delivered_at = e.at },
	}`, script.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func BenchmarkFold(b *testing.B) {
	h := orders(benchEvents)
	byType := &decode.JSON{Type: decode.Locator{Path: []string{"type"}}}
	for _, c := range []struct {
		name   string
		source fold.Source
	}{
		{"latest", fold.Source{Decoder: &decode.JSON{}, New: handlers.NewLatest, Memory: 1 << 30}},
		{"merge", fold.Source{Decoder: &decode.JSON{}, New: handlers.NewMerge, Memory: 1 << 30}},
		{"handlers", fold.Source{Decoder: byType, New: declaredOrders(b), Memory: 1 << 30}},
		{"JavaScript", fold.Source{Decoder: byType, New: scriptedOrders(b), Memory: 1 << 30}},
		{"handlers on disk", fold.Source{Decoder: byType, New: declaredOrders(b), Memory: 16 << 20, Dir: b.TempDir()}},
	} {
		b.Run(c.name, func(b *testing.B) { measure(b, &c.source, h) })
	}
}

// BenchmarkTopics is the whole way: a broker on the same machine, decoding, folding, and
// nowhere to write to. Run it alone to see its memory.
func BenchmarkTopics(b *testing.B) {
	brokers := devstack.Kafka(b)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	topic := newTopic(b, client, 4)
	h := orders(benchEvents)
	for p, part := range h.partitions {
		for _, e := range part.events {
			client.Produce(b.Context(), &kgo.Record{Topic: topic, Partition: int32(p), Key: e.Key, Value: e.Value}, nil)
		}
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	h = nil
	runtime.GC()
	inner, err := kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}})
	if err != nil {
		b.Fatal(err)
	}
	byType := &decode.JSON{Type: decode.Locator{Path: []string{"type"}}}
	for _, c := range []struct {
		name   string
		source fold.Source
	}{
		{"latest", fold.Source{Decoder: &decode.JSON{}, New: handlers.NewLatest, Memory: 512 << 20}},
		{"handlers", fold.Source{Decoder: byType, New: declaredOrders(b), Memory: 512 << 20}},
		{"handlers on disk", fold.Source{Decoder: byType, New: declaredOrders(b), Memory: 12 << 20, Dir: b.TempDir()}},
		{"JavaScript", fold.Source{Decoder: byType, New: scriptedOrders(b), Memory: 512 << 20}},
	} {
		b.Run(c.name, func(b *testing.B) { measure(b, &c.source, inner) })
	}
}

func measure(b *testing.B, s *fold.Source, inner sources.Source) {
	s.Inner = inner
	b.ReportAllocs()
	debug.FreeOSMemory()
	before := cpu(b)
	var docs atomic.Int64
	for b.Loop() {
		plan, view := open(b, s)
		group, ctx := errgroup.WithContext(b.Context())
		group.SetLimit(runtime.GOMAXPROCS(0))
		for _, p := range plan.Partitions {
			group.Go(func() error {
				r, err := view.Read(ctx, p, "")
				if err != nil {
					return err
				}
				defer r.Close(ctx) //nolint:errcheck // a benchmark
				batch := &sources.Batch{Limit: 1 << 20}
				for {
					batch.Reset()
					if err := r.Next(ctx, batch); errors.Is(err, io.EOF) {
						return nil
					} else if err != nil {
						return err
					}
					docs.Add(int64(len(batch.Records)))
				}
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		if err := view.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys-m.HeapReleased)/1e6, "MB-held")
	if docs.Load() != int64(b.N)*benchEvents/10 {
		b.Fatalf("%d documents", docs.Load())
	}
	b.ReportMetric(float64(benchEvents*b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(benchEvents*b.N), "cpu-ns/event") // what others do on the machine does not change it
}

// cpu is what the process has used so far, and those that it started, as far as the system
// tells.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	all := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	others, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range others {
		text, _ := os.ReadFile(name)
		_, behind, _ := strings.Cut(string(text), ") ") // its name may have anything
		field := strings.Fields(behind)
		if len(field) > 12 && field[1] == strconv.Itoa(os.Getpid()) {
			for _, ticks := range field[11:13] {
				n, _ := strconv.Atoi(ticks)
				all += time.Duration(n) * (time.Second / 100)
			}
		}
	}
	return all
}
