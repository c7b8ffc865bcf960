package kafka

import (
	"context"
	"errors"
)

// AskTiers asks for the ends of the tiers of a topic's first partition.
func AskTiers(ctx context.Context, brokers []string, topic string) (local, tiered int64, err error) {
	s, err := New(Config{Brokers: brokers, Topics: []Topic{{Name: topic}}})
	if err != nil {
		return 0, 0, err
	}
	p := topicPartition{topic, 0}
	c, _, err := s.cluster.leader(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	local, err1 := c.askTier(ctx, p, earliestLocal)
	tiered, err2 := c.askTier(ctx, p, latestTiered)
	return local, tiered, errors.Join(err1, err2, c.Close())
}
