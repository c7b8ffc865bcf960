package kafka

import (
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
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

// denied is a broker's final no.
type denied struct {
	code kafkago.Error
	more string
}

func (e *denied) Error() string {
	text := fmt.Sprintf("%s (%s)", e.code.Title(), e.code.Description())
	if e.more != "" {
		text += ": " + e.more
	}
	return text
}

func (e *denied) Unwrap() error { return e.code }

// final reports whether an error stays what it is however often one tries.
func final(err error) bool {
	var lost *Lost
	var changed *Changed
	var no *denied
	if errors.As(err, &lost) || errors.As(err, &changed) || errors.As(err, &no) || errors.Is(err, errDefinition) {
		return true
	}
	var code kafkago.Error
	if !errors.As(err, &code) {
		return false // a connection that broke, a damaged answer
	}
	switch code {
	case kafkago.TopicAuthorizationFailed, kafkago.ClusterAuthorizationFailed, kafkago.SASLAuthenticationFailed,
		kafkago.UnsupportedSASLMechanism, kafkago.UnsupportedVersion, kafkago.InvalidTopic, kafkago.InvalidRequest:
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

// errDefinition marks what the user has to put right.
var errDefinition = errors.New("kafka: definition")
