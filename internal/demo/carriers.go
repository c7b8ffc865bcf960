package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	kafkago "github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// The topic that carriers write to. A parcel's events have its name as key, so they are in
// one partition, in order.
const (
	parcelTopic      = "parcel-events"
	parcelPartitions = 4
)

// carriers tell what happens to each parcel, as events, and keep no table of anything.
type carriers struct {
	client *kafkago.Client
	writer *kafkago.Writer
	dice   *rand.Rand
	orders []int64 // those that have parcels
	events atomic.Int64

	group  errgroup.Group
	cancel context.CancelFunc
}

// parcelEvent is one event.
type parcelEvent struct {
	Type    string `json:"type"`
	Parcel  string `json:"parcel"`
	Order   int64  `json:"order,omitempty"`
	Carrier string `json:"carrier,omitempty"`
	Stop    string `json:"stop,omitempty"`
}

// newCarriers makes the topic, and finds the orders that have parcels.
func newCarriers(ctx context.Context, postgres string, brokers []string, seed uint64) (*carriers, error) {
	address := kafkago.TCP(brokers...)
	c := &carriers{
		client: &kafkago.Client{Addr: address, Timeout: 30 * time.Second},
		dice:   rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // a play, not a secret
	}
	made, err := c.client.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{
		{Topic: parcelTopic, NumPartitions: parcelPartitions, ReplicationFactor: 1},
	}})
	if err == nil {
		err = made.Errors[parcelTopic]
	}
	if err != nil {
		return c, fmt.Errorf("demo: make the topic: %w", err)
	}
	if err := c.awaitLeaders(ctx); err != nil {
		return c, err
	}
	c.writer = &kafkago.Writer{
		Addr: address, Topic: parcelTopic, Balancer: &kafkago.Hash{}, RequiredAcks: kafkago.RequireAll,
		BatchSize: 5_000, BatchTimeout: 5 * time.Millisecond,
		Transport: &kafkago.Transport{}, // the default one may remember that there was no topic
	}
	conn, err := pgx.Connect(ctx, postgres)
	if err != nil {
		return c, fmt.Errorf("demo: %w", err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT o_orderkey FROM shop.orders WHERE o_orderkey % 10 = 0 ORDER BY 1")
	if err != nil {
		return c, fmt.Errorf("demo: %w", err)
	}
	c.orders, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	return c, err
}

// awaitLeaders waits until the topic can be written to.
func (c *carriers) awaitLeaders(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("demo: topic %s has no leaders", parcelTopic))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		m, err := c.client.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{parcelTopic}})
		led := 0
		if err == nil && len(m.Topics) == 1 {
			for _, p := range m.Topics[0].Partitions {
				if p.Error == nil && p.Leader.Host != "" {
					led++
				}
			}
		}
		if led == parcelPartitions {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// history writes of all parcels until today.
func (c *carriers) history(ctx context.Context) (bytes int64, err error) {
	const atOnce = 20_000
	var events []kafkago.Message
	for i, order := range c.orders {
		for n := range 1 + c.dice.IntN(2) {
			events = append(events, c.parcel(order, n)...)
		}
		if len(events) < atOnce && i < len(c.orders)-1 {
			continue
		}
		if err := c.write(ctx, events); err != nil {
			return bytes, err
		}
		for _, e := range events {
			bytes += int64(len(e.Key) + len(e.Value))
		}
		events = events[:0]
	}
	return bytes, nil
}

// parcel is a life of one.
func (c *carriers) parcel(order int64, n int) []kafkago.Message {
	name := parcelName(order, n)
	life := []kafkago.Message{message(parcelEvent{Type: "Packed", Parcel: name, Order: order, Carrier: c.pick("Kite", "Otter", "Swift")})}
	for range c.dice.IntN(4) {
		life = append(life, c.move(name))
	}
	switch c.dice.IntN(20) {
	case 0:
		return append(life, message(parcelEvent{Type: "Lost", Parcel: name}))
	case 1, 2, 3:
		return life // under way
	}
	return append(life, message(parcelEvent{Type: "Delivered", Parcel: name}))
}

func (c *carriers) move(parcel string) kafkago.Message {
	return message(parcelEvent{Type: "Moved", Parcel: parcel, Stop: c.pick("Ulm", "Rome", "Oslo", "Łódź", "Brno")})
}

func (c *carriers) pick(some ...string) string { return some[c.dice.IntN(len(some))] }

func parcelName(order int64, n int) string {
	return "P" + strconv.FormatInt(order, 10) + "-" + strconv.Itoa(n)
}

func message(e parcelEvent) kafkago.Message {
	value, _ := json.Marshal(e)
	return kafkago.Message{Key: []byte(e.Parcel), Value: value}
}

func (c *carriers) write(ctx context.Context, events []kafkago.Message) error {
	if err := c.writer.WriteMessages(ctx, events...); err != nil {
		return fmt.Errorf("demo: the carriers: %w", err)
	}
	c.events.Add(int64(len(events)))
	return nil
}

// start lets the carriers work, until close.
func (c *carriers) start(ctx context.Context) {
	ctx, c.cancel = context.WithCancel(ctx)
	c.group.Go(func() error {
		tick := time.NewTicker(4 * writeInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			var events []kafkago.Message
			for range 4 {
				order := c.orders[c.dice.IntN(len(c.orders))]
				switch name := parcelName(order, c.dice.IntN(2)); c.dice.IntN(10) {
				case 0:
					events = append(events, c.parcel(order, 2)...)
				case 1:
					events = append(events, message(parcelEvent{Type: "Lost", Parcel: name}))
				case 2, 3:
					events = append(events, message(parcelEvent{Type: "Delivered", Parcel: name}))
				default:
					events = append(events, c.move(name))
				}
			}
			if err := c.write(context.WithoutCancel(ctx), events); err != nil {
				return err
			}
		}
	})
}

// close waits until the last carrier has come home.
func (c *carriers) close() error {
	if c == nil || c.writer == nil {
		return nil
	}
	if c.cancel != nil {
		c.cancel()
	}
	err := c.group.Wait()
	closing := c.writer.Close()
	c.writer = nil
	if err == nil {
		err = closing
	}
	return err
}
