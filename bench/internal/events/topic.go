package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// Topic is a topic of this bench's.
type Topic struct {
	Broker string // host:port
	Name   string
	Events int // of all partitions, every order complete
}

// FillResult says what making a topic took.
type FillResult struct {
	Seconds float64
	Bytes   int64 // of keys and values
}

// NewTopic names a topic of about n events; it may be there from before.
func NewTopic(broker string, n int) Topic {
	return Topic{Broker: broker, Name: fmt.Sprintf("humpty-bench-orders-%d", roundUp(n)), Events: roundUp(n)}
}

// Bytes is about how many the keys and values of all events have.
func (t Topic) Bytes() int64 {
	k, v := event(0, 0, nil, nil)
	return int64(t.Events) * int64(len(k)+len(v))
}

// Fill makes the topic unless it is there with all its events; then Made is zero. The
// same events are in it on every machine, uncompressed.
func (t Topic) Fill(ctx context.Context) (FillResult, error) {
	client := &kafka.Client{Addr: kafka.TCP(t.Broker), Transport: &kafka.Transport{}, Timeout: time.Minute}
	created, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: t.Name, NumPartitions: Partitions, ReplicationFactor: 1},
	}})
	if err != nil {
		return FillResult{}, fmt.Errorf("make topic %s: %w", t.Name, err)
	}
	if err := created.Errors[t.Name]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return FillResult{}, fmt.Errorf("make topic %s: %w", t.Name, err)
	}
	start := time.Now()
	sizes := make([]int64, Partitions)
	group, producing := errgroup.WithContext(ctx)
	for p := range Partitions {
		group.Go(func() (err error) {
			sizes[p], err = t.fill(producing, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return FillResult{}, fmt.Errorf("fill topic %s: %w", t.Name, err)
	}
	m := FillResult{Seconds: time.Since(start).Seconds()}
	for _, n := range sizes {
		m.Bytes += n
	}
	if m.Bytes == 0 {
		m.Seconds = 0
	}
	return m, nil
}

// batchEvents is how many events are produced in one request.
const batchEvents = 4000

func (t Topic) fill(ctx context.Context, partition int) (size int64, err error) {
	conn, err := t.leader(ctx, partition)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetRequiredAcks(int(kafka.RequireAll)); err != nil {
		return 0, err
	}
	var end int64
	err = withRetries(ctx, func() error {
		end, err = conn.ReadLastOffset()
		return err
	})
	want := int64(t.Events / Partitions)
	switch {
	case err != nil:
		return 0, err
	case end == want:
		return 0, nil
	case end != 0:
		return 0, fmt.Errorf("partition %d has %d events, not %d: delete the topic, then again", partition, end, want)
	}
	messages := make([]kafka.Message, 0, batchEvents)
	for n := range int(want) {
		k, v := event(partition, n, nil, nil)
		messages = append(messages, kafka.Message{Key: k, Value: v})
		size += int64(len(k) + len(v))
		if len(messages) < batchEvents && n < int(want)-1 {
			continue
		}
		if err := write(ctx, conn, messages); err != nil {
			return 0, err
		}
		messages = messages[:0]
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return size, nil
}

// write waits for the partition's leader, which may not know of itself just after the topic
// was made. What it refuses for that it has not taken.
func write(ctx context.Context, conn *kafka.Conn, messages []kafka.Message) error {
	return withRetries(ctx, func() error {
		_, err := conn.WriteMessages(messages...)
		return err
	})
}

// leader connects to the leader of a partition.
func (t Topic) leader(ctx context.Context, partition int) (conn *kafka.Conn, err error) {
	err = withRetries(ctx, func() error {
		conn, err = kafka.DialLeader(ctx, "tcp", t.Broker, t.Name, partition)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the leader of partition %d: %w", partition, err)
	}
	return conn, nil
}

// withRetries tries again what a topic that was just made cannot do yet, for ten seconds.
func withRetries(ctx context.Context, do func() error) (err error) {
	for range 50 {
		if err = do(); err == nil || !errors.Is(err, kafka.NotLeaderForPartition) &&
			!errors.Is(err, kafka.LeaderNotAvailable) && !errors.Is(err, kafka.UnknownTopicOrPartition) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return err
}

// Delete removes the topic.
func (t Topic) Delete(ctx context.Context) error {
	client := &kafka.Client{Addr: kafka.TCP(t.Broker), Transport: &kafka.Transport{}, Timeout: time.Minute}
	gone, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{t.Name}})
	if err == nil {
		err = gone.Errors[t.Name]
	}
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", t.Name, err)
	}
	return nil
}
