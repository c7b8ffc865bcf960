package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"humpty/internal/problem"
)

// bounds is what is read of one partition: [from, fence).
type bounds struct {
	from  int64
	fence int64 // last stable offset
	end   int64 // with open transactions
	log   int64 // where the log starts
}

// bounds asks where every partition starts and ends now.
func (s *Source) bounds(ctx context.Context) (l layout, all map[topicPartition]bounds, err error) {
	denied := retryUnknown
	if s.wasPlanned() {
		denied = retryDenied
	}
	err = s.cluster.retryFor(ctx, denied, s.cluster.retryTime, nil, func() (err error) {
		l, all, err = s.askBounds(ctx)
		return err
	})
	return l, all, s.topicProblems(err)
}

// wasPlanned reports whether the topics were there once: brokers that start deny them longer
// than a slip should cost.
func (s *Source) wasPlanned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.planned != nil
}

func (s *Source) askBounds(ctx context.Context) (layout, map[topicPartition]bounds, error) {
	l, err := s.cluster.layout(ctx)
	if err != nil {
		return l, nil, err
	}
	ask := func(isolation int8, at func(Topic) int64) map[topicPartition]int64 {
		if err != nil {
			return nil
		}
		times := map[topicPartition]int64{}
		for _, t := range s.cfg.Topics {
			for i := range l.counts[t.Name] {
				if when := at(t); when != 0 {
					times[topicPartition{t.Name, i}] = when
				}
			}
		}
		var found map[topicPartition]int64
		found, err = s.cluster.offsets(ctx, l, isolation, times)
		return found
	}
	starts := ask(uncommitted, func(Topic) int64 { return earliest })
	ends := ask(uncommitted, func(Topic) int64 { return latest })
	fences := ask(committed, func(Topic) int64 { return latest })
	since := ask(uncommitted, func(t Topic) int64 {
		if t.Since.IsZero() {
			return 0
		}
		return max(t.Since.UnixMilli(), 1)
	})
	if err != nil {
		return l, nil, err
	}
	all := make(map[topicPartition]bounds, len(starts))
	for _, t := range s.cfg.Topics {
		for i := range l.counts[t.Name] {
			p := topicPartition{t.Name, i}
			b := bounds{from: starts[p], fence: fences[p], end: ends[p], log: starts[p]}
			if at, asked := since[p]; asked {
				if b.from = at; at < 0 {
					b.from = b.fence // nothing is that new
				}
			}
			if at, given := t.Offsets[i]; given {
				if b.from = at; at < b.log || at > b.end {
					return l, nil, &LostRecordsError{Topic: p.topic, Partition: p.partition, Position: at, Start: b.log, End: b.end}
				}
			}
			b.from = min(b.from, max(b.fence, b.log))
			all[p] = b
		}
		for i := range t.Offsets {
			if i < 0 || i >= l.counts[t.Name] {
				var wrong problem.List
				wrong.Add(t.Place, fmt.Sprintf("they are counted from 0 to %d", l.counts[t.Name]-1), "topic %s has %d partitions, an offset is given for partition %d", t.Name, l.counts[t.Name], i)
				return l, nil, wrong
			}
		}
	}
	return l, all, nil
}

// topicProblems says of topics that no broker has where the configuration names them.
func (s *Source) topicProblems(err error) error {
	var names unknownTopics
	if !errors.As(err, &names) {
		return err
	}
	var wrong problem.List
	for _, t := range s.cfg.Topics {
		if slices.Contains(names, t.Name) {
			wrong.Add(t.Place, fmt.Sprintf("correct its name, or make it; kafka-topics.sh --bootstrap-server %s --list shows those that there are", s.cfg.Brokers[0]),
				"topic %s does not exist, or may not be described by this user", t.Name)
		}
	}
	return wrong
}

// sameCounts is an error if a topic has not as many partitions as it had.
func sameCounts(before, now map[string]int32) error {
	return comparePartitions(before, func(topic string, n int32) (int32, bool) { return now[topic], now[topic] == n })
}

// sameIDs is an error if a topic is another one under the same name.
func sameIDs(before, now map[string]string) error {
	for _, topic := range slices.Sorted(maps.Keys(before)) {
		if id := now[topic]; id != "" && id != before[topic] {
			return &ChangedTopicError{
				Topic: topic, What: fmt.Sprintf("was deleted and made again under the same name since the read began: its id was %s and is %s now", before[topic], id),
				Remedy: "what was read is gone; rebuild with the topic as it is now",
			}
		}
	}
	return nil
}

// noFewer is an error if a topic has lost partitions: it was made again.
func noFewer(before, now map[string]int32) error {
	return comparePartitions(before, func(topic string, n int32) (int32, bool) { return now[topic], now[topic] >= n })
}

func comparePartitions(before map[string]int32, fits func(topic string, n int32) (now int32, ok bool)) error {
	var changed []string
	for topic, n := range before {
		if now, ok := fits(topic, n); !ok {
			changed = append(changed, fmt.Sprintf("%s had %d partitions and has %d now", topic, n, now))
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return &ChangedTopicError{
		Topic:  strings.Join(changed, ", "),
		What:   "since the read began",
		Remedy: "keys may have moved between partitions; rebuild with the topic as it is now",
	}
}

// fencedBounds is bounds, with the fences where the readers of views end.
func (s *Source) fencedBounds(ctx context.Context) (layout, map[topicPartition]bounds, error) {
	l, all, err := s.bounds(ctx)
	if err == nil {
		err = s.fenceAtGroups(ctx, l, all)
	}
	return l, all, err
}

// fenceAtGroups makes what consumer groups have committed the fences of their topics.
func (s *Source) fenceAtGroups(ctx context.Context, l layout, all map[topicPartition]bounds) error {
	for _, t := range s.cfg.Topics {
		if t.Group == "" {
			continue
		}
		at, err := s.committedOffsets(ctx, t, l.counts[t.Name])
		if err != nil {
			return err
		}
		if err := fenceAt(t, at, all); err != nil {
			return err
		}
	}
	return nil
}

// committedOffsets asks the group's coordinator; -1: nothing.
func (s *Source) committedOffsets(ctx context.Context, t Topic, partitions int32) (at map[int32]int64, err error) {
	c := s.cluster
	return at, c.retry(ctx, func() (err error) {
		at, err = c.committedOffsets(ctx, t, partitions)
		return err
	})
}
