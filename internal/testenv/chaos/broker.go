package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/wait"
)

const brokerMillis = 30_000

// create makes a topic. One that was deleted may be there for a while.
func (p *producer) create(ctx context.Context, t *topic) error {
	for {
		made := kmsg.NewCreateTopicsRequestTopic()
		made.Topic, made.NumPartitions, made.ReplicationFactor = t.brokerName(p.world.alias), int32(t.partitions), 1
		request := kmsg.NewPtrCreateTopicsRequest()
		request.Topics, request.TimeoutMillis = append(request.Topics, made), brokerMillis
		answer, err := request.RequestWith(ctx, p.plain)
		if err == nil {
			err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
		}
		if !errors.Is(err, kerr.TopicAlreadyExists) {
			return err
		}
		if err := wait.For(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// remove deletes a topic, if it is there.
func (p *producer) remove(ctx context.Context, t *topic) error {
	name := t.brokerName(p.world.alias)
	gone := kmsg.NewDeleteTopicsRequestTopic()
	gone.Topic = &name
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = brokerMillis
	request.Topics, request.TopicNames = append(request.Topics, gone), append(request.TopicNames, name)
	answer, err := request.RequestWith(ctx, p.plain)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil
	}
	return err
}

// ends are the offsets behind the last records of a topic's partitions.
func (p *producer) ends(ctx context.Context, topic string, partitions int) ([]int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = topic
	for n := range partitions {
		one := kmsg.NewListOffsetsRequestTopicPartition()
		one.Partition, one.Timestamp = int32(n), -1
		asked.Partitions = append(asked.Partitions, one)
	}
	request.Topics = append(request.Topics, asked)
	ends := make([]int64, partitions)
	for _, shard := range p.plain.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		answer, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if !ok {
			return nil, fmt.Errorf("the broker answered with %T", shard.Resp)
		}
		for _, topic := range answer.Topics {
			for _, one := range topic.Partitions {
				if err := kerr.ErrorForCode(one.ErrorCode); err != nil {
					return nil, err
				}
				ends[one.Partition] = one.Offset
			}
		}
	}
	return ends, nil
}

// act does one to a topic, between two transactions.
func (p *producer) act(ctx context.Context, a *Act, commit commitFunc) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	topics := p.world.schema.topics
	t := topics[slices.IndexFunc(topics, func(t *topic) bool { return t.name == a.On })]
	switch a.Kind {
	case partitionOfTopic:
		if t.grown {
			return nil
		}
		err := p.grow(ctx, t)
		t.grown = err == nil
		return err
	case logCut, logCutToEnd:
		to := make([]int64, t.partitions)
		for n := range to {
			to[n] = -1 // the end
			if a.Kind == logCut {
				to[n] = int64(a.Share * float64(p.filled[t][n]))
			}
		}
		return p.deleteRecords(ctx, t, to)
	}
	if err := errors.Join(p.remove(ctx, t), p.create(ctx, t)); err != nil {
		return err
	}
	t.grown = false
	p.forget(t)
	p.folds[t] = map[string]fields{}
	return commit(ctx, func() error { return p.tell(ctx, p.everything()) })
}

func (p *producer) grow(ctx context.Context, t *topic) error {
	more := kmsg.NewCreatePartitionsRequestTopic()
	more.Topic, more.Count = t.brokerName(p.world.alias), int32(t.partitions+1)
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, more), brokerMillis
	answer, err := request.RequestWith(ctx, p.plain)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		return err
	}
	for { // the new partition has no leader for a moment
		_, err := p.ends(ctx, t.brokerName(p.world.alias), t.partitions+1)
		if err == nil {
			break
		}
		if !errors.Is(err, kerr.UnknownTopicOrPartition) && !errors.Is(err, kerr.LeaderNotAvailable) && !errors.Is(err, kerr.NotLeaderForPartition) {
			return err
		}
		if err := wait.For(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	p.forget(t)
	return nil
}

// forget has the clients ask again what a topic is.
func (p *producer) forget(t *topic) {
	p.plain.PurgeTopicsFromClient(t.brokerName(p.world.alias))
	p.transactional.PurgeTopicsFromClient(t.brokerName(p.world.alias))
}

// deleteRecords does at once what retention does later.
func (p *producer) deleteRecords(ctx context.Context, t *topic, to []int64) error {
	cut := kmsg.NewDeleteRecordsRequestTopic()
	cut.Topic = t.brokerName(p.world.alias)
	for n, offset := range to {
		one := kmsg.NewDeleteRecordsRequestTopicPartition()
		one.Partition, one.Offset = int32(n), offset
		cut.Partitions = append(cut.Partitions, one)
	}
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, cut), brokerMillis
	answer, err := request.RequestWith(ctx, p.plain)
	if err != nil {
		return err
	}
	for _, topic := range answer.Topics {
		for _, one := range topic.Partitions {
			err = errors.Join(err, kerr.ErrorForCode(one.ErrorCode))
		}
	}
	return err
}
