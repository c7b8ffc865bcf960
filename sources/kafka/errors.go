package kafka

import (
	"errors"
	"fmt"
	"strings"

	kafkago "github.com/segmentio/kafka-go"

	"humpty/internal/problem"
)

// Lost is the error of a partition whose records are gone before they were read: retention
// or a deletion of records passed the position, or offsets were asked for that the log
// does not have. Nothing is skipped silently.
type Lost struct {
	Topic     string
	Partition int32
	Position  int64 // where reading would have gone on
	Start     int64 // what the log still has: [Start, End)
	End       int64
}

func (e *Lost) Error() string {
	if e.Position > e.End {
		return fmt.Sprintf("topic %s, partition %d: offset %d is out of range: the log ends at %d, so it was truncated or the topic was made anew; rebuild from its start",
			e.Topic, e.Partition, e.Position, e.End)
	}
	return fmt.Sprintf("topic %s, partition %d: offset %d is out of range: the log now starts at %d, %d offsets are gone before they were read; lengthen the topic's retention.ms or retention.bytes, and rebuild",
		e.Topic, e.Partition, e.Position, e.Start, e.Start-e.Position)
}

// Changed is the error of a topic that is not what it was when the read began.
type Changed struct {
	Topic  string
	What   string
	Remedy string
}

func (e *Changed) Error() string { return fmt.Sprintf("topic %s %s; %s", e.Topic, e.What, e.Remedy) }

// Denied is a final no, of a broker or about it: who we are is not believed, or who it is,
// or a right is missing. It stays so until that or the configuration is changed.
type Denied struct {
	Broker string // address
	Topic  string // empty: it is not about one
	Why    error
	Remedy string
}

func (e *Denied) Error() string {
	what := "broker " + e.Broker
	if e.Topic != "" {
		what += ", topic " + e.Topic
	}
	return fmt.Sprintf("%s: %v; %s", what, e.Why, e.Remedy)
}

func (e *Denied) Unwrap() error { return e.Why }

// unread is a code that a broker gave for a topic; a missing right is a Denied.
func unread(broker, topic string, code kafkago.Error) error {
	if code != kafkago.TopicAuthorizationFailed && code != kafkago.ClusterAuthorizationFailed {
		return code
	}
	return &Denied{
		Broker: broker, Topic: topic, Why: code,
		Remedy: "allow it: kafka-acls.sh --add --allow-principal User:NAME --operation Describe --operation Read --topic " + topic,
	}
}

// unknown is the error of topics that no broker has.
type unknown []string

func (u unknown) Error() string {
	return fmt.Sprintf("topic %s: %s", strings.Join(u, ", "), kafkago.UnknownTopicOrPartition.Title())
}

func (u unknown) Unwrap() error { return kafkago.UnknownTopicOrPartition }

// final reports whether an error stays what it is however often one tries.
func final(err error) bool {
	var lost *Lost
	var changed *Changed
	var no *Denied
	var wrong problem.List
	if errors.As(err, &lost) || errors.As(err, &changed) || errors.As(err, &no) || errors.As(err, &wrong) {
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

// gone says more of a topic that was there when the read began. Brokers deny a topic for
// a moment when they start, so it is not final.
func gone(err error) error {
	if errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return fmt.Errorf("it was there when the read began, and was deleted meanwhile: %w", err)
	}
	return err
}
