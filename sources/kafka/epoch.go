package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"humpty/sources"
)

// A position is an offset and the leader epoch of the record before it, OFFSET@EPOCH: an
// offset alone says nothing of what it is an offset of. Where a log was cut off and written
// again, by a leader that lacked what another one had, the epoch ends below the position.
// Positions of before have no epoch; then only the end of the log is compared.

// offsetForLeaderEpoch is the API's key, which kafka-go has no message for, and the version
// that is spoken: the newest without flexible fields; Kafka 2.3 to 4.x.
const (
	offsetForLeaderEpoch = protocol.ApiKey(23)
	leaderEpochVersion   = 3
)

// unknownEpoch is of positions that do not say theirs.
const unknownEpoch = -1

func formatPosition(offset int64, epoch int32) sources.Position {
	if epoch < 0 {
		return sources.Position(strconv.FormatInt(offset, 10))
	}
	return sources.Position(fmt.Sprintf("%d@%d", offset, epoch))
}

func parsePosition(p sources.Position) (offset int64, epoch int32, ok bool) {
	before, behind, has := strings.Cut(string(p), "@")
	offset, err := strconv.ParseInt(before, 10, 64)
	if err != nil || offset < 0 {
		return 0, 0, false
	}
	if !has {
		return offset, unknownEpoch, true
	}
	e, err := strconv.ParseInt(behind, 10, 32)
	return offset, int32(e), err == nil && e >= 0
}

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

// checkEpoch is a *ChangedTopicError if what was read is not what the leader has.
func (r *reader) checkEpoch(ctx context.Context, current int32) error {
	if r.epoch < 0 || !r.conn.tellsEpochs {
		return nil
	}
	end, err := r.conn.askEpoch(ctx, r.partition, current, r.epoch)
	if err != nil {
		return deletedTopic(err)
	}
	if end.epoch == r.epoch && end.offset >= r.position {
		return nil
	}
	if end.epoch < 0 && current >= r.epoch { // it should know, and does not say; Kafka itself always does
		return nil
	}
	what := fmt.Sprintf("leader epoch %d ends at offset %d", end.epoch, end.offset)
	if end.offset < 0 {
		what = fmt.Sprintf("no leader has come to epoch %d", r.epoch)
	} else if end.epoch != r.epoch {
		what = fmt.Sprintf("leader epoch %d is not there, and epoch %d ends at offset %d", r.epoch, end.epoch, end.offset)
	}
	return &ChangedTopicError{
		Topic:  r.partition.topic,
		What:   fmt.Sprintf("was cut off and written again, or made anew: partition %d was read up to offset %d of leader epoch %d, but in its log %s", r.partition.partition, r.position, r.epoch, what),
		Remedy: "events that were read are gone, and others stand in their places; rebuild",
	}
}
