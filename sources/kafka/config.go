package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config says which topics of which cluster are read. Zero values mean the defaults.
type Config struct {
	Brokers []string    // host:port of some; the others are learnt from them
	Topics  []Topic     // at least one, none twice
	TLS     *tls.Config // nil: no TLS

	RequireTLS bool // without TLS no broker beyond this machine is spoken to

	SASL     SASL
	ClientID string // how the brokers know us; humpty by default

	Fetch           int           // bytes asked for at once from one partition; 2 MB by default
	Readers         int           // partitions read at once; 4 by default
	RetryTime       time.Duration // how long a broker, a leader or a topic may be away before that is an outage; 15 s by default
	ResponseTimeout time.Duration // how long a broker may send nothing of an answer; 30 s by default
}

// Topic is one topic and where reading it starts: at its earliest record, unless said.
type Topic struct {
	Name    string
	Since   time.Time       // the first record of this time or later; zero: no matter
	Offsets map[int32]int64 // by partition; the others start as said by Since
	Group   string          // a consumer group: reading ends where it goes on; empty: at the end of the log
	History History         // how much of the past is needed where nothing says where reading starts
	Place   string          // where the configuration names it, for messages; may be empty
}

// SASL is how we say who we are. No mechanism: not at all.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
}

func (c Config) withDefaults() (Config, sasl.Mechanism, error) {
	if len(c.Brokers) == 0 {
		return c, nil, errors.New("kafka: no brokers are named")
	}
	if len(c.Topics) == 0 {
		return c, nil, errors.New("kafka: no topics are named")
	}
	seen := map[string]bool{}
	for _, t := range c.Topics {
		switch {
		case t.Name == "":
			return c, nil, errors.New("kafka: a topic has no name")
		case seen[t.Name]:
			return c, nil, fmt.Errorf("kafka: topic %s is named twice", t.Name)
		}
		seen[t.Name] = true
	}
	if c.ClientID == "" {
		c.ClientID = "humpty"
	}
	if c.Fetch <= 0 {
		c.Fetch = 2 << 20
	}
	if c.Readers <= 0 {
		c.Readers = 4
	}
	if c.RetryTime <= 0 {
		c.RetryTime = 15 * time.Second
	}
	if c.ResponseTimeout <= 0 {
		c.ResponseTimeout = defaultResponseTimeout
	}
	mechanism, err := c.SASL.mechanism()
	return c, mechanism, err
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	var hash scram.Algorithm
	switch strings.ToUpper(s.Mechanism) {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		hash = scram.SHA256
	case "SCRAM-SHA-512":
		hash = scram.SHA512
	default:
		return nil, fmt.Errorf("kafka: unknown SASL mechanism %q: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
	}
	m, err := scram.Mechanism(hash, s.User, s.Password)
	if err != nil {
		return nil, fmt.Errorf("kafka: SASL user or password: %w", err)
	}
	return m, nil
}
