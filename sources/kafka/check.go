package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"humpty/sources"
)

// positionCheck holds positions against the logs as they are now.
type positionCheck struct {
	source *Source
	layout layout
	bounds map[topicPartition]bounds

	noEpoch, untold []string // partitions of which not everything can be told
}

// check holds the positions of the source's partitions against these.
func (k *positionCheck) check(ctx context.Context, at map[string]sources.Position) error {
	for _, id := range slices.Sorted(maps.Keys(at)) {
		p, known := k.partitionOf(id)
		if !known {
			continue
		}
		was, ok := parsePosition(at[id])
		if !ok {
			return fmt.Errorf("%q is no position of partition %s", at[id], id)
		}
		told, err := k.partition(ctx, p, was)
		switch {
		case err != nil:
			return err
		case was.offset == 0 || told:
		case was.epoch < 0:
			k.noEpoch = append(k.noEpoch, id)
		default:
			k.untold = append(k.untold, id)
		}
	}
	return nil
}

// note says what could not be told.
func (k *positionCheck) note() string {
	var notes []string
	if k.noEpoch != nil {
		notes = append(notes, fmt.Sprintf("the positions of %s have no leader epoch, so that only the ends of the logs were compared: a log that was cut off and written again, and is longer now, is not noticed", strings.Join(k.noEpoch, ", ")))
	}
	if k.untold != nil {
		notes = append(notes, fmt.Sprintf("the brokers do not say where the leader epochs of %s end, so that only the ends of the logs were compared", strings.Join(k.untold, ", ")))
	}
	return strings.Join(notes, "; ")
}

// partitionOf is the partition with an id, if its topic is one of the source's.
func (k *positionCheck) partitionOf(id string) (p topicPartition, ok bool) {
	for _, t := range k.source.cfg.Topics {
		if number, is := strings.CutPrefix(id, t.Name+"/"); is {
			p.topic = t.Name
			_, err := fmt.Sscan(number, &p.partition)
			return p, err == nil
		}
	}
	return p, false
}

// partition holds one position against its partition.
func (k *positionCheck) partition(ctx context.Context, p topicPartition, was position) (told bool, err error) {
	if err := was.checkTopic(p, k.layout.ids[p.topic]); err != nil {
		return false, err
	}
	now, there := k.bounds[p]
	switch {
	case !there:
		return false, &ChangedTopicError{Topic: p.topic, What: fmt.Sprintf("has no partition %d any more, which was read up to offset %d", p.partition, was.offset), Remedy: "the topic was made again with fewer partitions; rebuild"}
	case now.end < was.offset:
		return false, &ChangedTopicError{Topic: p.topic, What: fmt.Sprintf("ends at offset %d in partition %d, which was read up to offset %d", now.end, p.partition, was.offset), Remedy: "the log was cut off, or the topic was made again; rebuild"}
	case was.epoch < 0:
		return false, nil
	}
	c := k.source.cluster
	err = c.retry(ctx, func() error {
		broker, l, err := c.leader(ctx, p)
		if err != nil {
			return deletedTopic(err)
		}
		told, err = was.checkEpoch(ctx, broker, p, l.epochs[p])
		return errors.Join(err, broker.Close())
	})
	return told, err
}
