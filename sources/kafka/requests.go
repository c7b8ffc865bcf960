package kafka

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// This file has the small requests that kafka-go has no messages for.

// offsetForLeaderEpoch is the API's key, which kafka-go has no message for, and the version
// that is spoken: the newest without flexible fields; Kafka 2.3 to 4.x.
const (
	offsetForLeaderEpoch = protocol.ApiKey(23)
	leaderEpochVersion   = 3
)

// endOfEpoch is where the newest epoch that is not newer than the asked one ends in the log
// of a leader; -1 and -1 if it knows none such.
type endOfEpoch struct {
	epoch  int32
	offset int64
}

// askEpoch asks a leader where an epoch ends. current is the leader's own epoch as the
// metadata have it: one that was replaced and does not know it must not answer.
func (c *conn) askEpoch(ctx context.Context, p topicPartition, current, epoch int32) (end endOfEpoch, err error) {
	defer c.withDeadline(ctx)()
	c.lastID++
	b := make([]byte, 4, 64+len(p.topic))
	b = binary.BigEndian.AppendUint16(b, uint16(offsetForLeaderEpoch))
	b = binary.BigEndian.AppendUint16(b, leaderEpochVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(c.lastID))
	b = appendText(b, c.clientID)
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // replica id: none
	b = binary.BigEndian.AppendUint32(b, 1)          // topics
	b = appendText(b, p.topic)
	b = binary.BigEndian.AppendUint32(b, 1) // partitions
	b = binary.BigEndian.AppendUint32(b, uint32(p.partition))
	b = binary.BigEndian.AppendUint32(b, uint32(current))
	b = binary.BigEndian.AppendUint32(b, uint32(epoch))
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if _, err := c.Write(b); err != nil {
		return end, causeOf(ctx, err)
	}
	answer, err := c.receiveFetch(ctx, nil)
	if err != nil {
		return end, err
	}
	s := scanner{rest: answer}
	s.skip(8) // correlation id, throttle time
	topics := s.int32()
	s.skip(int(s.int16())) // its name
	partitions := s.int32()
	code := kafkago.Error(s.int16())
	s.skip(4) // its number
	end = endOfEpoch{epoch: s.int32(), offset: s.int64()}
	switch {
	case s.short || topics != 1 || partitions != 1:
		return end, fmt.Errorf("end of a leader epoch: %w", errShort)
	case code != 0:
		return end, topicError(c.RemoteAddr().String(), p.topic, code)
	}
	return end, nil
}

// topicIDVersion is the version of Metadata that is asked for topic ids, which kafka-go has no
// message for: the first that gives them; Kafka 2.8 to 4.x.
const topicIDVersion = 10

// askTopicIDs asks for the ids of topics. A topic that is made again under the same name has
// another one. The map is nil for brokers that give none.
func (c *conn) askTopicIDs(ctx context.Context, topics []string) (map[string]string, error) {
	if !c.givesTopicIDs {
		return nil, nil //nolint:nilnil // nothing is known, which is no error
	}
	defer c.withDeadline(ctx)()
	b := c.beginFlexible(protocol.Metadata, topicIDVersion)
	b = appendCompactLength(b, len(topics))
	for _, topic := range topics {
		b = append(b, make([]byte, 16)...) // its id: what is asked for
		b = append(appendCompactText(b, topic), 0)
	}
	b = append(b, 0, 0, 0, 0) // make none; no rights; no tags
	if err := c.sendFlexible(ctx, b); err != nil {
		return nil, err
	}
	answer, err := c.receiveFetch(ctx, nil)
	if err != nil {
		return nil, err
	}
	s := scanner{rest: answer}
	s.skip(4) // correlation id
	s.tags()
	s.skip(4) // throttle time
	for n := s.compactLength(); n > 0 && !s.short; n-- {
		s.skip(4) // broker
		s.compactText()
		s.skip(4)
		s.compactText()
		s.tags()
	}
	s.compactText() // cluster
	s.skip(4)       // controller
	ids := map[string]string{}
	for n := s.compactLength(); n > 0 && !s.short; n-- {
		s.skip(2) // an error is told by who asks for the layout
		topic := s.compactText()
		id := s.take(16)
		s.skip(1)
		for n := s.compactLength(); n > 0 && !s.short; n-- {
			s.skip(14) // error, number, leader, epoch
			for range 3 {
				s.skip(4 * s.compactLength()) // replicas
			}
			s.tags()
		}
		s.skip(4)
		s.tags()
		if !s.short && [16]byte(id) != [16]byte{} {
			ids[topic] = base64.RawURLEncoding.EncodeToString(id)
		}
	}
	if s.short {
		return nil, fmt.Errorf("topic ids: %w", errShort)
	}
	return ids, nil
}

// beginFlexible begins a request of a version with compact fields and tags.
func (c *conn) beginFlexible(key protocol.ApiKey, version uint16) []byte {
	c.lastID++
	b := binary.BigEndian.AppendUint16(make([]byte, 4, 256), uint16(key))
	b = binary.BigEndian.AppendUint16(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(c.lastID))
	return append(appendText(b, c.clientID), 0)
}

// sendFlexible sends what beginFlexible began.
func (c *conn) sendFlexible(ctx context.Context, b []byte) error {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := c.Write(b)
	return causeOf(ctx, err)
}

// appendCompactLength appends the length of a compact array or text.
func appendCompactLength(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)+1) }

func appendCompactText(b []byte, s string) []byte {
	return append(appendCompactLength(b, len(s)), s...)
}

// Versions of ListOffsets that know of tiers, which kafka-go has no messages for: the first with
// each question; Kafka 3.6 and 3.9 to 4.x.
const (
	earliestLocalVersion = 8
	tieredVersion        = 9
)

// Timestamps that mean an end of a tier.
const (
	earliestLocal = -4 // where the broker's own disk begins
	latestTiered  = -5 // up to where remote storage has the log
)

// askTier asks a leader for an end of a tier; -1: there is none.
func (c *conn) askTier(ctx context.Context, p topicPartition, which int64) (offset int64, err error) {
	defer c.withDeadline(ctx)()
	b := c.beginFlexible(protocol.ListOffsets, c.tierVersion)
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // replica id: none
	b = append(b, uncommitted)
	b = appendCompactLength(b, 1)
	b = appendCompactText(b, p.topic)
	b = appendCompactLength(b, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(p.partition))
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // leader epoch: not checked
	b = binary.BigEndian.AppendUint64(b, uint64(which))
	b = append(b, 0, 0, 0) // no tags: of the partition, the topic, the request
	if err := c.sendFlexible(ctx, b); err != nil {
		return 0, err
	}
	answer, err := c.receiveFetch(ctx, nil)
	if err != nil {
		return 0, err
	}
	s := scanner{rest: answer}
	s.skip(4) // correlation id
	s.tags()
	s.skip(4) // throttle time
	topics := s.compactLength()
	s.compactText()
	partitions := s.compactLength()
	s.skip(4) // its number
	code := kafkago.Error(s.int16())
	s.skip(8) // time
	offset = s.int64()
	switch {
	case s.short || topics != 1 || partitions != 1:
		return 0, fmt.Errorf("an end of a tier: %w", errShort)
	case code != 0:
		return 0, topicError(c.RemoteAddr().String(), p.topic, code)
	}
	return offset, nil
}
