package toxic

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// A reader of a real broker, whose advertised address is that of the bad network, goes on
// through late, slow, half-open and cut connections, and skips no event.
func TestBadNetworkToKafka(t *testing.T) {
	t.Parallel()
	address, n := between(t, "tcp://127.0.0.1:1")
	address = strings.TrimPrefix(address, "tcp://")
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindKafka},
		Config:  map[devstack.Kind][]string{devstack.KindKafka: {"advertised.listeners=PLAINTEXT://" + address}},
	})
	n.down() // it reads where it leads to without a lock
	n.proxy.Upstream = stack.Addresses().Kafka[0]
	n.up()
	const events = 200
	topic := filled(t, address, events)
	source, err := kafka.New(kafka.Config{
		Brokers: []string{address}, Topics: []kafka.Topic{{Name: topic}}, Fetch: 1,
		ResponseTimeout: 500 * time.Millisecond, RetryTime: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := source.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close(t.Context()) //nolint:errcheck // it holds nothing
	var reader sources.Reader
	var position sources.Position
	again := func() {
		if reader, err = view.Read(t.Context(), plan.Partitions[0], position); err != nil {
			t.Fatal(err)
		}
	}
	again()
	batch, outages := &sources.Batch{Limit: 1}, 0
	for read := 0; ; {
		switch read {
		case 20:
			n.add(late, narrow, slowEnd)
		case 60:
			n.heal()
		case 80:
			if outages == 0 {
				n.add(halfOpen)
			}
		case 120:
			if outages == 1 {
				n.down()
			}
		}
		batch.Reset()
		err := reader.Next(t.Context(), batch)
		switch {
		case errors.Is(err, io.EOF):
			if read != events || outages != 2 {
				t.Errorf("%d events, %d outages", read, outages)
			}
			_ = reader.Close(t.Context())
			return
		case source.IsUnavailable(err):
			t.Log(err)
			if outages++; outages == 1 {
				n.heal()
			} else {
				n.up()
			}
			_ = reader.Close(t.Context())
			again()
			continue
		case err != nil:
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			if string(r.Value) != fmt.Sprint(read) {
				t.Fatalf("event %s where %d was to come", r.Value, read)
			}
			read++
		}
		position = batch.Position
	}
}

// filled is a topic with so many events, each in a batch of its own.
func filled(t *testing.T, address string, events int) string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.MetadataMinAge(20*time.Millisecond), kgo.UnknownTopicRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = devstack.Name(t), 1, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	if _, err := request.RequestWith(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic.Topic, Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return topic.Topic
}
