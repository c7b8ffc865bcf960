package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
	"syscall"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"humpty/internal/problem"
	"humpty/sources"
)

// Source reads topics.
type Source struct {
	cfg     Config
	cluster *cluster

	groups map[string]string // consumer groups whose offsets are the fences, by topic

	mu      sync.Mutex
	planned map[string]int32 // partitions of each topic at the last Plan
}

var (
	_ sources.Source  = (*Source)(nil)
	_ sources.Outages = (*Source)(nil)

	_ sources.PositionChecker = (*Source)(nil)
)

// New checks the configuration; it connects to nothing.
func New(cfg Config) (*Source, error) {
	cfg, mechanism, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &cluster{
		dialer:  dialer{clientID: cfg.ClientID, tls: cfg.TLS, requireTLS: cfg.RequireTLS, sasl: mechanism, responseTimeout: cfg.ResponseTimeout},
		brokers: cfg.Brokers, retryTime: cfg.RetryTime,
	}
	groups := map[string]string{}
	for _, t := range cfg.Topics {
		c.topics = append(c.topics, t.Name)
		groups[t.Name] = t.Group
	}
	return &Source{cfg: cfg, cluster: c, groups: groups}, nil
}

// bytesEach is the guess of an event's size for estimates: offsets tell how many there
// are at most, nothing cheap tells how large.
const bytesEach = 256

// partitions are all partitions in the order in which the topics were named.
func (s *Source) partitions(l layout) []topicPartition {
	var all []topicPartition
	for _, t := range s.cfg.Topics {
		for i := range l.counts[t.Name] {
			all = append(all, topicPartition{t.Name, i})
		}
	}
	return all
}

// Plan has one partition for each of the topics' partitions, in the order in which the
// topics were named. Its rows are offsets, which markers and compaction make more than
// records. What is missing of topics is an error among the warnings ([sources.Plan.Refusal]):
// who goes on from a position does not need it.
func (s *Source) Plan(ctx context.Context) (sources.Plan, error) {
	l, all, err := s.fencedBounds(ctx)
	if err != nil {
		return sources.Plan{}, fmt.Errorf("kafka: %w", err)
	}
	plan := sources.Plan{Readers: min(s.cfg.Readers, max(len(all), 1))}
	behind := map[string]int64{}
	var warnings problem.List
	plan.Starts = map[string]sources.LogStart{}
	for _, p := range s.partitions(l) {
		b := all[p]
		plan.Starts[p.String()] = sources.LogStart{Begins: formatOffset(b.log), Read: formatOffset(b.from)}
		rows := max(b.fence-b.from, 0)
		plan.Partitions = append(plan.Partitions, sources.Partition{ID: p.String(), Rows: rows, Bytes: rows * bytesEach})
		plan.Rows += rows
		plan.Bytes += rows * bytesEach
		if s.groups[p.topic] != "" {
			behind[p.topic] += b.end - b.fence
		} else if b.fence < b.end {
			warnings.Warn("partition "+p.String(), "if it stays: kafka-transactions.sh find-hanging",
				"an open transaction holds the last stable offset at %d, %d offsets before the end; what is behind it is not read", b.fence, b.end-b.fence)
		}
	}
	notes, missing, err := s.history(ctx, l, all)
	if err != nil {
		return sources.Plan{}, fmt.Errorf("kafka: %w", err)
	}
	plan.Notes, plan.Warnings = append(plan.Notes, notes...), append(warnings, missing...)
	for _, t := range s.cfg.Topics {
		if t.Group != "" {
			plan.Notes = append(plan.Notes, groupNote(t, behind[t.Name]))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.planned = l.counts
	return plan, nil
}

// Open captures where every partition starts and ends.
func (s *Source) Open(ctx context.Context) (sources.View, error) {
	l, all, err := s.fencedBounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	s.mu.Lock()
	planned := maps.Clone(s.planned)
	s.mu.Unlock()
	if err := sameCounts(planned, l.counts); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	v := &view{source: s, counts: l.counts, ids: l.ids, partitions: make(map[string]partitionBounds, len(all))}
	for p, b := range all {
		v.partitions[p.String()] = partitionBounds{p, b}
	}
	return v, nil
}

// CheckPositions implements sources.PositionChecker.
func (s *Source) CheckPositions(ctx context.Context, at map[string]sources.Position) (note string, err error) {
	k := positionCheck{source: s}
	if k.layout, k.bounds, err = s.bounds(ctx); err == nil {
		err = k.check(ctx, at)
	}
	if err != nil {
		return "", changesLost(fmt.Errorf("kafka: %w", err))
	}
	return k.note(), nil
}

// IsUnavailable implements sources.Outages: brokers that do not answer, answer without the records that
// they have, end connections, or have no leader. A topic that they deny was deleted, and records that are gone stay so.
func (*Source) IsUnavailable(err error) bool {
	var gap *sources.ErrChangesLost
	if err == nil || isFinal(err) || errors.As(err, &gap) || errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return false
	}
	var code kafkago.Error
	var empty *emptyError
	if errors.As(err, &code) && code.Temporary() || errors.As(err, &empty) {
		return true
	}
	var network net.Error
	return errors.As(err, &network) && !errors.Is(err, context.Canceled) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// RetryOutages has readers wait for brokers that are away for longer than Config.RetryTime, and
// go on where they were: for runs that cannot do the same work again. notify is told why, at
// most every ten seconds, from the readers' goroutines, one call at a time; it may be nil.
// RetryOutages is called before the source is planned.
func (s *Source) RetryOutages(limit time.Duration, notify func(string)) {
	s.cluster.outage.limit, s.cluster.outage.notify = limit, notify
}
