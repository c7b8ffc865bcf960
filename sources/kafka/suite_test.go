package kafka_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
	"humpty/sources/kafka"
	"humpty/sources/sourcetest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		b := newBus(t, brokers)
		tx := newBus(t, brokers, kgo.TransactionalID(devstack.Name(t)))
		topic := b.topic(3)
		var h sourcetest.Harness
		for i := range 200 {
			p, key := int32(i%3), fmt.Sprint("key", i)
			if i%20 == 7 {
				b.put(&kgo.Record{Topic: topic, Partition: p, Key: []byte(key)})
				h.Want = append(h.Want, sourcetest.Line(key, "(deleted)"))
				continue
			}
			value := fmt.Sprintf(`{"n":%d,"text":"some text that is not short"}`, i)
			b.put(rec(topic, p, key, value))
			h.Want = append(h.Want, sourcetest.Line(key, value))
		}
		tx.transaction(false, rec(topic, 0, "aborted", "{}"))
		s, err := kafka.New(kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}, Fetch: 2000, RetryTime: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		h.Source, h.Unknown = s, []byte("nobody")
		h.Change = func(*testing.T) { b.put(rec(topic, 1, "new", "{}"), rec(topic, 2, "key1", "{}")) }
		return h
	})
}
