package kafka

import (
	"context"
	"time"
)

// hole is a place in a log with tiered storage that neither tier seems to have: the broker's own
// disk begins behind it, and remote storage ends before it or denies it.
type hole struct {
	at    int64
	since time.Time // seen first; zero: never
}

// findHole is a *LostRecordsError if the position lies in no tier, and has done so for as long as
// a new leader may take to learn what remote storage has. denied says that the broker answered
// that it has no such offset. Of brokers that do not tell of tiers nothing is known.
func (r *reader) findHole(ctx context.Context, denied bool) error {
	broker, l, err := r.view.source.cluster.leader(ctx, r.partition)
	if err != nil {
		return deletedTopic(err)
	}
	defer broker.Close()
	if broker.tierVersion == 0 {
		return nil
	}
	local, err := broker.askTier(ctx, r.partition, earliestLocal)
	if err != nil {
		return err
	}
	tiered := int64(-1)
	if told := broker.tierVersion >= tieredVersion; told {
		if tiered, err = broker.askTier(ctx, r.partition, latestTiered); err != nil {
			return err
		}
	} else if !denied {
		return nil
	}
	if r.at.offset >= local || !denied && r.at.offset <= tiered {
		r.hole = hole{}
		return nil
	}
	if r.hole.since.IsZero() || r.hole.at != r.at.offset {
		r.hole = hole{at: r.at.offset, since: time.Now()}
	}
	if time.Since(r.hole.since) < r.view.source.cfg.RetryTime {
		return nil
	}
	starts, err := r.view.source.cluster.offsets(ctx, l, uncommitted, map[topicPartition]int64{r.partition: earliest})
	if err != nil {
		return err
	}
	return &LostRecordsError{
		Topic: r.partition.topic, Partition: r.partition.partition, Position: r.at.offset,
		Start: starts[r.partition], End: r.fence, Local: local,
	}
}
