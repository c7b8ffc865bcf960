package kafka

import (
	"errors"
	"fmt"
	"strings"

	kafkago "github.com/segmentio/kafka-go"

	"humpty/internal/problem"
	"humpty/sources"
)

// LostRecordsError is the error of a partition whose records are gone before they were read: retention
// or a deletion of records passed the position, or offsets were asked for that the log
// does not have. Nothing is skipped silently.
type LostRecordsError struct {
	Topic     string
	Partition int32
	Position  int64 // where reading would have gone on
	Start     int64 // what the log still has: [Start, End)
	End       int64
	Local     int64 // of a log with tiered storage: where the broker's own disk begins; 0: it is not about that
}

func (e *LostRecordsError) Error() string {
	if e.Local > 0 {
		return fmt.Sprintf("topic %s, partition %d: offset %d is in neither tier: the log starts at %d, the broker's own disk has it from %d on, and remote storage does not have what is before; restore what remote storage lost, or rebuild with since: a time or an offset behind it",
			e.Topic, e.Partition, e.Position, e.Start, e.Local)
	}
	if e.Position > e.End {
		return fmt.Sprintf("topic %s, partition %d: offset %d is out of range: the log ends at %d, so it was truncated or the topic was made again; rebuild from its start",
			e.Topic, e.Partition, e.Position, e.End)
	}
	return fmt.Sprintf("topic %s, partition %d: offset %d is out of range: the log now starts at %d, %d offsets are gone before they were read; lengthen the topic's retention.ms or retention.bytes, restore it from where it is kept whole, and rebuild; or, if documents of what is left are right, add accept_truncated: true beside from",
		e.Topic, e.Partition, e.Position, e.Start, e.Start-e.Position)
}

// ChangedTopicError is the error of a topic that is not what it was when the read began.
type ChangedTopicError struct {
	Topic  string
	What   string
	Remedy string
}

func (e *ChangedTopicError) Error() string {
	return fmt.Sprintf("topic %s %s; %s", e.Topic, e.What, e.Remedy)
}

// DeniedError is a final no, of a broker or about it: who we are is not believed, or who it is,
// or a right is missing. It stays so until that or the configuration is changed.
type DeniedError struct {
	Broker string // address
	Topic  string // empty: it is not about one
	Why    error
	Remedy string
}

func (e *DeniedError) Error() string {
	what := "broker " + e.Broker
	if e.Topic != "" {
		what += ", topic " + e.Topic
	}
	return fmt.Sprintf("%s: %v; %s", what, e.Why, e.Remedy)
}

func (e *DeniedError) Unwrap() error { return e.Why }

// topicError is a code that a broker gave for a topic; a missing right is a DeniedError.
func topicError(broker, topic string, code kafkago.Error) error {
	if code != kafkago.TopicAuthorizationFailed && code != kafkago.ClusterAuthorizationFailed {
		return code
	}
	return &DeniedError{
		Broker: broker, Topic: topic, Why: code,
		Remedy: "allow it: kafka-acls.sh --add --allow-principal User:NAME --operation Describe --operation Read --topic " + topic,
	}
}

// unknownTopics is the error of topics that no broker has.
type unknownTopics []string

func (u unknownTopics) Error() string {
	return fmt.Sprintf("topic %s: %s", strings.Join(u, ", "), kafkago.UnknownTopicOrPartition.Title())
}

func (u unknownTopics) Unwrap() error { return kafkago.UnknownTopicOrPartition }

// emptyError is the error of a broker that gives no records where there are some. It is an
// outage until they come.
type emptyError struct {
	partition       topicPartition
	position, fence int64
	throttled       bool
}

func (e *emptyError) Error() string {
	why := "its remote storage may be slow (remote.fetch.max.wait.ms) or away: see the broker's log"
	if e.throttled {
		why = "it throttles this client: raise consumer_byte_rate"
	}
	return fmt.Sprintf("topic %s, partition %d, offset %d: the log goes on to %d, and the broker answers without records; %s",
		e.partition.topic, e.partition.partition, e.position, e.fence, why)
}

// isFinal reports whether an error stays what it is however often one tries.
func isFinal(err error) bool {
	var lost *LostRecordsError
	var changed *ChangedTopicError
	var no *DeniedError
	var wrong problem.List
	var refused *problem.Refusal
	if errors.As(err, &refused) || errors.As(err, &lost) || errors.As(err, &changed) || errors.As(err, &no) || errors.As(err, &wrong) {
		return true
	}
	var code kafkago.Error
	if !errors.As(err, &code) {
		return false // a connection that broke, a damaged answer
	}
	switch code {
	case kafkago.UnsupportedVersion, kafkago.InvalidTopic, kafkago.InvalidRequest:
		return true
	}
	return false
}

// deletedTopic says more of a topic that was there when the read began. Brokers deny a topic for
// a moment when they start, so it is not final.
func deletedTopic(err error) error {
	if errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return fmt.Errorf("it was there when the read began, and was deleted meanwhile: %w", err)
	}
	return err
}

// asChangesLost is err as one that says that a log has not what was asked for.
func asChangesLost(target any, err error) bool {
	to, ok := target.(**sources.ErrChangesLost)
	if ok {
		*to = &sources.ErrChangesLost{Why: err.Error()}
	}
	return ok
}

// As makes it a *sources.ErrChangesLost for those who know that word only.
func (e *LostRecordsError) As(target any) bool { return asChangesLost(target, e) }

// As makes it a *sources.ErrChangesLost for those who know that word only.
func (e *ChangedTopicError) As(target any) bool { return asChangesLost(target, e) }

// changesLost makes a gap of errors that say that something is missing.
func changesLost(err error) error {
	var lost *LostRecordsError
	var changed *ChangedTopicError
	if errors.As(err, &lost) || errors.As(err, &changed) {
		return &sources.ErrChangesLost{Why: err.Error(), Remedy: "what was read cannot be trusted to be complete"}
	}
	return err
}
