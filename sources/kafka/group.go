package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"

	"humpty/internal/problem"
)

// groupNote says what is left to a consumer group.
func groupNote(t Topic, events int64) string {
	return fmt.Sprintf("topic %s is replayed up to where consumer group %s goes on: %d events are behind that", t.Name, t.Group, events)
}

// fenceAt sets the fences of one topic. All that is wrong with what was committed comes
// at once.
func fenceAt(t Topic, at map[int32]int64, all map[topicPartition]bounds) error {
	var wrong problem.List
	var none []string
	empty := 0
	for _, i := range slices.Sorted(maps.Keys(at)) {
		p, offset := topicPartition{t.Name, i}, at[i]
		b := all[p]
		switch {
		case offset < 0 && b.log == b.end: // a consumer commits nothing of what is empty
			offset = b.log
			empty++
		case offset < 0:
			none = append(none, strconv.Itoa(int(i)))
			continue
		case offset < b.log:
			wrong.Add(t.Place, "what lies between is gone for the group, too: rebuild without fence, and set the group to where that ends (the record's positions)",
				"consumer group %s is at offset %d of partition %s, but retention has passed it: the log now starts at %d", t.Group, offset, p, b.log)
		case offset > b.end:
			wrong.Add(t.Place, "the topic was made again, or its log truncated: set the group back (kafka-consumer-groups.sh --reset-offsets), or leave fence out",
				"consumer group %s is at offset %d of partition %s, but the log ends at %d", t.Group, offset, p, b.end)
		case offset > b.fence:
			wrong.Add(t.Place, "wait until the transaction has ended, and let the projector read what is committed (isolation.level=read_committed)",
				"consumer group %s is at offset %d of partition %s, behind an open transaction: only what lies before %d is committed", t.Group, offset, p, b.fence)
		}
		b.fence = offset
		b.from = min(b.from, max(offset, b.log))
		all[p] = b
	}
	if n := len(none); n > 0 {
		what := fmt.Sprintf("consumer group %s has committed nothing of topic %s, partitions %s, which are not empty", t.Group, t.Name, strings.Join(none, ", "))
		remedy := "let the projector commit where it is in each (an offset of 0 is one, too), or leave fence out"
		if n+empty == len(at) {
			what = fmt.Sprintf("consumer group %s is not known, or has committed nothing of topic %s", t.Group, t.Name)
			remedy = "correct its name (kafka-consumer-groups.sh --list), or leave fence out"
		}
		wrong.Add(t.Place, remedy, "%s", what)
	}
	return wrong.Err()
}

func (c *cluster) committedOffsets(ctx context.Context, t Topic, partitions int32) (map[int32]int64, error) {
	address, err := c.coordinator(ctx, t.Group)
	if err != nil {
		return nil, err
	}
	broker, err := c.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	request := &offsetfetch.Request{GroupID: t.Group, Topics: []offsetfetch.RequestTopic{{Name: t.Name}}}
	for i := range partitions {
		request.Topics[0].PartitionIndexes = append(request.Topics[0].PartitionIndexes, i)
	}
	answer, err := broker.ask(ctx, request)
	if err != nil {
		return nil, err
	}
	offsets, err := responseAs[*offsetfetch.Response](answer)
	if err != nil {
		return nil, err
	}
	if offsets.ErrorCode != 0 {
		return nil, groupError(address, t.Group, kafkago.Error(offsets.ErrorCode))
	}
	at := map[int32]int64{}
	for _, topic := range offsets.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				return nil, fmt.Errorf("consumer group %s, partition %s/%d: %w", t.Group, topic.Name, p.PartitionIndex, topicError(address, t.Name, kafkago.Error(p.ErrorCode)))
			}
			at[p.PartitionIndex] = p.CommittedOffset
		}
	}
	if len(at) != int(partitions) {
		return nil, fmt.Errorf("consumer group %s: %d partitions were asked for and %d came: %w", t.Group, partitions, len(at), errShort)
	}
	return at, nil
}

// coordinator finds the broker that keeps what a group has committed.
func (c *cluster) coordinator(ctx context.Context, group string) (string, error) {
	var failed []error
	for _, address := range c.addresses() {
		found, err := c.coordinatorFrom(ctx, address, group)
		if err == nil || isFinal(err) || ctx.Err() != nil {
			return found, causeOf(ctx, err)
		}
		failed = append(failed, err)
	}
	return "", fmt.Errorf("find who keeps the offsets of consumer group %s: %w", group, errors.Join(failed...))
}

func (c *cluster) coordinatorFrom(ctx context.Context, address, group string) (string, error) {
	broker, err := c.dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer broker.Close()
	answer, err := broker.ask(ctx, &findcoordinator.Request{Key: group})
	if err != nil {
		return "", err
	}
	found, err := responseAs[*findcoordinator.Response](answer)
	if err != nil {
		return "", err
	}
	if found.ErrorCode != 0 {
		return "", groupError(address, group, kafkago.Error(found.ErrorCode))
	}
	return net.JoinHostPort(found.Host, strconv.Itoa(int(found.Port))), nil
}

// groupError is a code that a broker gave for a group; a missing right is a DeniedError.
func groupError(broker, group string, code kafkago.Error) error {
	if code != kafkago.GroupAuthorizationFailed {
		return fmt.Errorf("consumer group %s: %w", group, code)
	}
	return &DeniedError{
		Broker: broker, Why: fmt.Errorf("consumer group %s: %w", group, code),
		Remedy: "allow it: kafka-acls.sh --add --allow-principal User:NAME --operation Describe --group " + group,
	}
}
