package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// topicPartition is one partition of one topic.
type topicPartition struct {
	topic     string
	partition int32
}

// String is the partition's id for the engine. A topic's name has no slash.
func (p topicPartition) String() string { return fmt.Sprintf("%s/%d", p.topic, p.partition) }

// layout is who leads what.
type layout struct {
	brokers map[int32]string // addresses
	leaders map[topicPartition]int32
	epochs  map[topicPartition]int32 // of the leaders
	counts  map[string]int32         // partitions of a topic
	ids     map[string]string        // of topics; nil or without one: not known
}

// cluster asks small questions, each over a connection of its own.
type cluster struct {
	dialer
	brokers   []string // named by the user
	topics    []string
	retryTime time.Duration
	outage    outage // of readers

	mu      sync.Mutex
	learned map[string]bool // addresses of all brokers, as the last layout said
}

// How long brokers may deny a topic, which they do for a moment when they start and when
// it is new: one that was there, and one whose name may be a slip.
const (
	retryDenied  = 10 * time.Second
	retryUnknown = 2 * time.Second
)

// retry calls do until it gives no error or a final one, or the time of what reads
// is over.
func (c *cluster) retry(ctx context.Context, do func() error) error {
	return c.retryFor(ctx, retryDenied, max(c.retryTime, c.outage.limit), c.outage.report, do)
}

func (c *cluster) retryFor(ctx context.Context, denied, limit time.Duration, report func(waited time.Duration, err error), do func() error) error {
	began, wait := time.Now(), 50*time.Millisecond
	for {
		err := do()
		if err == nil || isFinal(err) || ctx.Err() != nil {
			return causeOf(ctx, err)
		}
		limit := limit
		var stranger *StrangerError
		if errors.Is(err, kafkago.UnknownTopicOrPartition) || errors.As(err, &stranger) {
			limit = min(limit, denied)
		}
		if waited := time.Since(began); waited > limit {
			return fmt.Errorf("after %v of trying: %w", waited.Round(time.Second), err)
		} else if report != nil {
			report(waited, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, 2*time.Second)
	}
}

// layout asks any broker that answers.
func (c *cluster) layout(ctx context.Context) (layout, error) {
	var failed []error
	known := c.addresses()
	for _, address := range known {
		l, err := c.layoutFrom(ctx, address)
		if err == nil {
			c.remember(l)
		}
		if err == nil || isFinal(err) || ctx.Err() != nil {
			return l, causeOf(ctx, err)
		}
		failed = append(failed, err)
	}
	return layout{}, fmt.Errorf("no broker of %v answers: %w", known, errors.Join(failed...))
}

// addresses is the brokers that were named, then those that were learnt.
func (c *cluster) addresses() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.brokers)
	for _, address := range slices.Sorted(maps.Keys(c.learned)) {
		if !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return all
}

func (c *cluster) remember(l layout) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learned = map[string]bool{}
	for _, address := range l.brokers {
		c.learned[address] = true
	}
}

func (c *cluster) layoutFrom(ctx context.Context, address string) (l layout, err error) {
	broker, err := c.dial(ctx, address)
	if err != nil {
		return l, err
	}
	defer broker.Close()
	answer, err := broker.ask(ctx, &metadata.Request{TopicNames: c.topics})
	if err != nil {
		return l, err
	}
	m, err := responseAs[*metadata.Response](answer)
	if err != nil {
		return l, err
	}
	l = layout{brokers: map[int32]string{}, leaders: map[topicPartition]int32{}, epochs: map[topicPartition]int32{}, counts: map[string]int32{}}
	for _, b := range m.Brokers {
		l.brokers[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	var missing unknownTopics
	for _, t := range m.Topics {
		switch code := kafkago.Error(t.ErrorCode); code {
		case 0:
		case kafkago.UnknownTopicOrPartition:
			missing = append(missing, t.Name)
		default:
			return l, fmt.Errorf("topic %s: %w", t.Name, topicError(address, t.Name, code))
		}
		l.counts[t.Name] = int32(len(t.Partitions))
		for _, p := range t.Partitions {
			at := topicPartition{t.Name, p.PartitionIndex}
			l.leaders[at] = p.LeaderID // -1: none now
			if l.epochs[at] = p.LeaderEpoch; broker.versions[protocol.Metadata] < 7 {
				l.epochs[at] = unknownEpoch
			}
		}
	}
	if missing != nil {
		return l, missing
	}
	l.ids, err = broker.askTopicIDs(ctx, c.topics)
	return l, err
}

// leader connects to who leads a partition now.
func (c *cluster) leader(ctx context.Context, p topicPartition) (broker *conn, l layout, err error) {
	if l, err = c.layout(ctx); err != nil {
		return nil, l, err
	}
	address, ok := l.brokers[l.leaders[p]]
	if !ok {
		return nil, l, fmt.Errorf("partition %s: %w", p, kafkago.LeaderNotAvailable)
	}
	broker, err = c.dial(ctx, address)
	return broker, l, err
}

// Timestamps that mean an end of the log.
const (
	latest   = -1
	earliest = -2
)

// Isolation levels.
const (
	uncommitted = 0
	committed   = 1
)

// offsets asks the leaders for one offset of each partition: of the first record at or
// behind the time, or one end of the log. -1: there is no such record.
func (c *cluster) offsets(ctx context.Context, l layout, isolation int8, times map[topicPartition]int64) (map[topicPartition]int64, error) {
	found, err := c.findRecords(ctx, l, isolation, times)
	offsets := make(map[topicPartition]int64, len(found))
	for p, at := range found {
		offsets[p] = at.offset
	}
	return offsets, err
}

// foundRecord is where a record is, and its time; -1 and -1 if there is none.
type foundRecord struct{ offset, time int64 }

// firstTimes are the times of the first records that partitions have; -1 where there is none.
func (c *cluster) firstTimes(ctx context.Context, l layout, partitions []topicPartition) (map[topicPartition]int64, error) {
	times := make(map[topicPartition]int64, len(partitions))
	for _, p := range partitions {
		times[p] = 0 // of 1970 or later
	}
	found, err := c.findRecords(ctx, l, uncommitted, times)
	for p, at := range found {
		times[p] = at.time
	}
	return times, err
}

func (c *cluster) findRecords(ctx context.Context, l layout, isolation int8, times map[topicPartition]int64) (map[topicPartition]foundRecord, error) {
	found := make(map[topicPartition]foundRecord, len(times))
	byLeader := map[int32]map[string][]listoffsets.RequestPartition{}
	for p, at := range times {
		topics := byLeader[l.leaders[p]]
		if topics == nil {
			topics = map[string][]listoffsets.RequestPartition{}
			byLeader[l.leaders[p]] = topics
		}
		topics[p.topic] = append(topics[p.topic], listoffsets.RequestPartition{Partition: p.partition, CurrentLeaderEpoch: -1, Timestamp: at})
	}
	for id, topics := range byLeader {
		address, ok := l.brokers[id]
		if !ok {
			return nil, fmt.Errorf("partitions of %v: %w", slices.Sorted(maps.Keys(topics)), kafkago.LeaderNotAvailable)
		}
		request := &listoffsets.Request{ReplicaID: -1, IsolationLevel: isolation}
		for name, partitions := range topics {
			request.Topics = append(request.Topics, listoffsets.RequestTopic{Topic: name, Partitions: partitions})
		}
		if err := c.offsetsFrom(ctx, address, request, found); err != nil {
			return nil, err
		}
	}
	if len(found) != len(times) {
		return nil, fmt.Errorf("offsets of %d partitions were asked for and %d came: %w", len(times), len(found), errShort)
	}
	return found, nil
}

func (c *cluster) offsetsFrom(ctx context.Context, address string, request *listoffsets.Request, found map[topicPartition]foundRecord) error {
	broker, err := c.dial(ctx, address)
	if err != nil {
		return err
	}
	defer broker.Close()
	answer, err := broker.ask(ctx, request)
	if err != nil {
		return err
	}
	offsets, err := responseAs[*listoffsets.Response](answer)
	if err != nil {
		return err
	}
	for _, t := range offsets.Topics {
		for _, p := range t.Partitions {
			at := topicPartition{t.Topic, p.Partition}
			if p.ErrorCode != 0 {
				return fmt.Errorf("offsets of partition %s: %w", at, topicError(address, t.Topic, kafkago.Error(p.ErrorCode)))
			}
			found[at] = foundRecord{p.Offset, p.Timestamp}
		}
	}
	return nil
}
