package kafka_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// BenchmarkRead reads 4 partitions at once from a real broker on the same machine.
func BenchmarkRead(b *testing.B) {
	for _, codec := range []string{"none", "lz4", "zstd"} {
		b.Run(codec, func(b *testing.B) { benchmarkRead(b, codec) })
	}
}

func benchmarkRead(b *testing.B, codec string) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	broker := newBus(b, devstack.Kafka(b), kgo.ProducerBatchCompression(codecs[codec]))
	topic := broker.topic(4)
	const n = 500_000
	broker.put(rec(topic, 0, "k", "v"))
	for i := range n {
		broker.client.Produce(b.Context(), rec(topic, int32(i%4), fmt.Sprint("order-", i/10), fmt.Sprintf(`{"n":%d,"text":"%s"}`, i, strings.Repeat("abcdefg ", 28))), nil)
	}
	if err := broker.client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, plan, view := open(b, kafka.Config{Brokers: broker.brokers, Topics: []kafka.Topic{{Name: topic}}})
		group, ctx := errgroup.WithContext(b.Context())
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
				}
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
