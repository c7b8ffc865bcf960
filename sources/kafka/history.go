package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"

	"humpty/internal/problem"
	"humpty/sources"
)

// History says how much of a topic's past a fold needs to make right documents.
type History int

// How much of the past is needed.
const (
	Complete  History = iota // every event: the log begins at 0 and was never compacted
	Newest                   // the newest event of each key: the log begins at 0, compaction is fine
	Truncated                // what there is: the definition accepts that the rest is gone
)

// topicConfig is what a topic's configuration says of how long its records stay.
type topicConfig struct {
	policy    string        // cleanup.policy
	retention time.Duration // negative: for ever
	bytes     string        // retention.bytes
	denied    error         // why it is not known
}

func (c topicConfig) compacts() bool { return strings.Contains(c.policy, "compact") }
func (c topicConfig) deletes() bool  { return strings.Contains(c.policy, "delete") }

const topicResource = 2

// topicConfigs asks any broker for the configuration of all topics.
func (c *cluster) topicConfigs(ctx context.Context) (map[string]topicConfig, error) {
	var failed []error
	for _, address := range c.addresses() {
		all, err := c.topicConfigsFrom(ctx, address)
		if err == nil || isFinal(err) || ctx.Err() != nil {
			return all, causeOf(ctx, err)
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("ask for the configuration of the topics: %w", errors.Join(failed...))
}

// unknownConfigs are those of topics whose brokers have no words for them.
func (c *cluster) unknownConfigs() map[string]topicConfig {
	all := map[string]topicConfig{}
	for _, topic := range c.topics {
		all[topic] = topicConfig{retention: -1, denied: errors.New("its brokers do not answer DescribeConfigs")}
	}
	return all
}

func (c *cluster) topicConfigsFrom(ctx context.Context, address string) (map[string]topicConfig, error) {
	broker, err := c.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	if _, known := broker.versions[protocol.DescribeConfigs]; !known {
		return c.unknownConfigs(), nil
	}
	request := &describeconfigs.Request{}
	for _, topic := range c.topics {
		request.Resources = append(request.Resources, describeconfigs.RequestResource{
			ResourceType: topicResource, ResourceName: topic, ConfigNames: []string{"cleanup.policy", "retention.ms", "retention.bytes"},
		})
	}
	answer, err := broker.ask(ctx, request)
	if err != nil {
		return nil, err
	}
	configs, err := responseAs[*describeconfigs.Response](answer)
	if err != nil {
		return nil, err
	}
	all := map[string]topicConfig{}
	for _, r := range configs.Resources {
		t := topicConfig{retention: -1}
		switch code := kafkago.Error(r.ErrorCode); code {
		case 0:
		case kafkago.TopicAuthorizationFailed, kafkago.ClusterAuthorizationFailed:
			t.denied = code
		default:
			return nil, fmt.Errorf("configuration of topic %s: %w", r.ResourceName, code)
		}
		for _, e := range r.ConfigEntries {
			switch e.ConfigName {
			case "cleanup.policy":
				t.policy = e.ConfigValue
			case "retention.bytes":
				t.bytes = e.ConfigValue
			case "retention.ms":
				if ms, err := strconv.ParseInt(e.ConfigValue, 10, 64); err == nil && ms >= 0 {
					t.retention = time.Duration(min(ms, int64(1<<63-1)/int64(time.Millisecond))) * time.Millisecond
				}
			}
		}
		if t.policy == "" && t.denied == nil {
			t.denied = errors.New("the broker does not say")
		}
		all[r.ResourceName] = t
	}
	if len(all) != len(c.topics) {
		return nil, fmt.Errorf("configurations of %d topics were asked for and %d came: %w", len(c.topics), len(all), errShort)
	}
	return all, nil
}

// accepts reports whether the definition accepts that a partition is not read from its
// beginning: by saying where it starts, or outright.
func (t Topic) accepts(partition int32) bool {
	_, given := t.Offsets[partition]
	return t.History == Truncated || !t.Since.IsZero() || given
}

// needsAll reports whether every event of a partition is needed, so that none may be compacted.
func (t Topic) needsAll(partition int32) bool {
	return t.History == Complete && !t.accepts(partition)
}

// compactedRemedy is what to do about a topic that is compacted, or was.
const compactedRemedy = "use fold: latest, or a topic with cleanup.policy=delete that has all events; or, if documents of what is left are right, add accept_truncated: true beside from"

// truncatedRemedy is what to do about a topic that has not all that its fold needs.
const truncatedRemedy = "restore the topic from where it is kept whole; or, if documents of what is left are right, add accept_truncated: true beside from, or since: TIME"

// checkHistory adds what is missing of a topic to wrong, as errors, and what is not known as
// warnings.
func checkHistory(t Topic, partitions int32, all map[topicPartition]bounds, cfg topicConfig, wrong *problem.List) {
	var late []string
	gone := partitions > 0
	for i := range partitions {
		p := topicPartition{t.Name, i}
		b := all[p]
		gone = gone && b.log > 0 && b.log == b.end
		if b.log > 0 && !t.accepts(i) {
			late = append(late, fmt.Sprintf("%s at %d", p, b.log))
		}
	}
	switch {
	case gone:
		wrong.Add(t.Place, "restore the topic from where it is kept whole, or write to it before",
			"nothing is left of topic %s: retention has deleted all of its events, and documents of none would replace those that there are", t.Name)
	case late != nil:
		wrong.Add(t.Place, truncatedRemedy, "the beginning of topic %s is gone, and the documents are made of all of its events: it begins with %s", t.Name, strings.Join(late, ", "))
	}
	everything := slices.ContainsFunc(partitionNumbers(partitions), t.needsAll)
	switch {
	case !everything:
	case cfg.denied != nil:
		wrong.Warn(t.Place, "allow it: kafka-acls.sh --add --allow-principal User:NAME --operation DescribeConfigs --topic "+t.Name,
			"whether topic %s is compacted, which this fold does not bear, cannot be told: %v", t.Name, cfg.denied)
	case cfg.compacts():
		wrong.Add(t.Place, compactedRemedy,
			"topic %s is compacted (cleanup.policy=%s): older events of a key disappear, and this fold needs every one", t.Name, cfg.policy)
	}
}

func partitionNumbers(n int32) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// historyNote says what there is of a partition, and for how long; oldest is the time of its
// first record in milliseconds, negative if it has none.
func historyNote(p topicPartition, b bounds, cfg topicConfig, oldest int64, now time.Time) string {
	note := fmt.Sprintf("partition %s has the offsets %d to %d", p, b.log, b.end)
	switch {
	case cfg.denied != nil:
		return note + fmt.Sprintf("; its cleanup.policy is not known (%v)", cfg.denied)
	case !cfg.deletes():
		return note + ", cleanup.policy " + cfg.policy
	}
	note += ", cleanup.policy " + cfg.policy
	if cfg.bytes != "" && cfg.bytes != "-1" {
		note += ", retention.bytes " + cfg.bytes
	}
	switch {
	case cfg.retention < 0:
		return note + ", no retention by time"
	case oldest < 0:
		return note + fmt.Sprintf(", events are kept for %s", cfg.retention)
	}
	left := time.UnixMilli(oldest).Add(cfg.retention).Sub(now)
	if left <= 0 {
		return note + fmt.Sprintf(", its oldest event is older than retention.ms (%s): it may be deleted at any time", cfg.retention)
	}
	return note + fmt.Sprintf(", its oldest event is deleted in %s or later", left.Round(time.Minute))
}

// history is the notes and problems of all topics.
func (s *Source) history(ctx context.Context, l layout, all map[topicPartition]bounds) (notes []string, problems problem.List, err error) {
	var configs map[string]topicConfig
	oldest := map[topicPartition]int64{}
	err = s.cluster.retry(ctx, func() (err error) {
		if configs, err = s.cluster.topicConfigs(ctx); err != nil {
			return err
		}
		oldest, err = s.cluster.firstTimes(ctx, l, s.partitions(l))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	for _, t := range s.cfg.Topics {
		checkHistory(t, l.counts[t.Name], all, configs[t.Name], &problems)
	}
	for _, p := range s.partitions(l) {
		notes = append(notes, historyNote(p, all[p], configs[p.topic], oldest[p], now))
	}
	return notes, problems, nil
}

// checkPolicies is a *ChangedTopicError if a topic is compacted now whose events are all needed:
// it was not when the read began. What may not be asked was told then.
func (s *Source) checkPolicies(ctx context.Context, counts map[string]int32) error {
	asked := slices.ContainsFunc(s.cfg.Topics, func(t Topic) bool {
		return slices.ContainsFunc(partitionNumbers(counts[t.Name]), t.needsAll)
	})
	if !asked {
		return nil
	}
	configs, err := s.cluster.topicConfigs(ctx)
	if err != nil {
		return err
	}
	for _, t := range s.cfg.Topics {
		if c := configs[t.Name]; c.denied == nil && c.compacts() && slices.ContainsFunc(partitionNumbers(counts[t.Name]), t.needsAll) {
			return &ChangedTopicError{
				Topic:  t.Name,
				What:   fmt.Sprintf("is compacted now (cleanup.policy=%s), and was not when the read began: older events of a key disappear, and this fold needs every one", c.policy),
				Remedy: "set it back (kafka-configs.sh --alter --entity-type topics --entity-name " + t.Name + " --add-config cleanup.policy=delete), make sure that no event is lost, and rebuild; or " + compactedRemedy,
			}
		}
	}
	return nil
}

// compactedError is of a log with holes: compaction took events, whatever the policy is now.
func (r *reader) compactedError(b *sources.Batch) error {
	at := b.Offsets.Gaps[slices.IndexFunc(b.Offsets.Gaps, func(g sources.OffsetGap) bool { return g.To-g.From > g.Aborted+g.Markers })]
	what := fmt.Sprintf("has no records at the offsets %d to %d of partition %d: it is compacted, or was, and this fold needs every event", at.From, at.To-1, r.partition.partition)
	if r.tail {
		return changesLost(&ChangedTopicError{Topic: r.partition.topic, What: what, Remedy: compactedRemedy})
	}
	return &problem.Refusal{Why: "topic " + r.partition.topic + " " + what, Remedy: compactedRemedy}
}

// needsStart refuses to read a partition from where it starts now, if that is not its
// beginning.
func (s *Source) needsStart(c partitionBounds) error {
	for _, t := range s.cfg.Topics {
		if t.Name == c.topic && c.log > 0 && !t.accepts(c.partition) {
			return &problem.Refusal{Remedy: truncatedRemedy, Why: fmt.Sprintf("the beginning of partition %s is gone, and the documents are made of all of its events: it begins at %d", c.topicPartition, c.log)}
		}
	}
	return nil
}
