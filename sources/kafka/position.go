package kafka

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources"
)

// position is where a partition was read up to. An offset alone says nothing of what it is an
// offset of. The leader epoch of the record before it does: where a log was cut off and
// written again, by a leader that lacked what another one had, the epoch ends below the
// position. The topic's id does where the topic was deleted and made again.
//
// Its text is OFFSET, OFFSET@EPOCH or OFFSET@EPOCH@TOPIC-ID; an epoch that is not known is
// empty in the last. Positions of earlier versions have fewer parts.
type position struct {
	offset int64
	epoch  int32  // unknownEpoch: not known
	topic  string // its id; empty: not known
}

// unknownEpoch is of positions that do not say theirs.
const unknownEpoch = -1

func (at position) format() sources.Position {
	b := strconv.AppendInt(make([]byte, 0, 48), at.offset, 10)
	if at.epoch >= 0 || at.topic != "" {
		b = append(b, '@')
	}
	if at.epoch >= 0 {
		b = strconv.AppendInt(b, int64(at.epoch), 10)
	}
	if at.topic != "" {
		b = append(append(b, '@'), at.topic...)
	}
	return sources.Position(b)
}

func parsePosition(text sources.Position) (p position, ok bool) {
	offset, behind, more := strings.Cut(string(text), "@")
	epoch, topic, hasTopic := strings.Cut(behind, "@")
	p = position{epoch: unknownEpoch, topic: topic}
	var err error
	if p.offset, err = strconv.ParseInt(offset, 10, 64); err != nil || p.offset < 0 {
		return p, false
	}
	if more && (epoch != "" || !hasTopic) {
		e, err := strconv.ParseInt(epoch, 10, 32)
		if err != nil || e < 0 {
			return p, false
		}
		p.epoch = int32(e)
	}
	if hasTopic {
		id, err := base64.RawURLEncoding.DecodeString(topic)
		return p, err == nil && len(id) == 16
	}
	return p, true
}

func formatOffset(offset int64) sources.Position {
	return position{offset: offset, epoch: unknownEpoch}.format()
}

// checkEpoch is a *ChangedTopicError if what lies before the position is not what the leader has.
// told is false where that cannot be told.
func (at position) checkEpoch(ctx context.Context, c *conn, p topicPartition, current int32) (told bool, err error) {
	if at.epoch < 0 || !c.tellsEpochs {
		return false, nil
	}
	end, err := c.askEpoch(ctx, p, current, at.epoch)
	if err != nil {
		return false, deletedTopic(err)
	}
	if end.epoch == at.epoch && end.offset >= at.offset {
		return true, nil
	}
	if end.epoch < 0 && current >= at.epoch { // it should know, and does not say; Kafka itself always does
		return false, nil
	}
	what := fmt.Sprintf("leader epoch %d ends at offset %d", end.epoch, end.offset)
	if end.offset < 0 {
		what = fmt.Sprintf("no leader has come to epoch %d", at.epoch)
	} else if end.epoch != at.epoch {
		what = fmt.Sprintf("leader epoch %d is not there, and epoch %d ends at offset %d", at.epoch, end.epoch, end.offset)
	}
	return true, &ChangedTopicError{
		Topic:  p.topic,
		What:   fmt.Sprintf("was cut off and written again, or made again: partition %d was read up to offset %d of leader epoch %d, but in its log %s", p.partition, at.offset, at.epoch, what),
		Remedy: "events that were read are gone, and others stand in their places; rebuild",
	}
}

// checkTopic is a *ChangedTopicError if the topic is another one than that of the position; now
// is its id.
func (at position) checkTopic(p topicPartition, now string) error {
	if at.topic == "" || now == "" || at.topic == now {
		return nil
	}
	return &ChangedTopicError{
		Topic:  p.topic,
		What:   fmt.Sprintf("was deleted and made again under the same name: partition %d was read up to offset %d of the topic with id %s, and its id is %s now", p.partition, at.offset, at.topic, now),
		Remedy: "what was read is gone, and other events stand in its place; rebuild",
	}
}
