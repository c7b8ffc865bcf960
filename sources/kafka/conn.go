package kafka

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"

	"humpty/internal/dsn"
)

const (
	// defaultResponseTimeout is how long a broker may send nothing while an answer is awaited; a
	// fetch waits for at most fetchWait of it.
	defaultResponseTimeout = 30 * time.Second
	// connectTimeout is how long a connection may take to be there.
	connectTimeout = 10 * time.Second
)

// conn is one connection to one broker, for one goroutine.
type conn struct {
	net.Conn
	in              *bufio.Reader
	clientID        string
	responseTimeout time.Duration // see defaultResponseTimeout
	versions        map[protocol.ApiKey]int16
	lastID          int32
	tellsEpochs     bool // it knows where leader epochs end
	givesTopicIDs   bool
	tierVersion     uint16 // of ListOffsets, to ask for the ends of tiers; 0: it does not know them
}

// dialer makes connections.
type dialer struct {
	clientID        string
	responseTimeout time.Duration
	tls             *tls.Config
	requireTLS      bool // without it only to this machine: a broker may name others as its peers
	sasl            sasl.Mechanism
}

func (d *dialer) dial(ctx context.Context, address string) (*conn, error) {
	if host, _, _ := net.SplitHostPort(address); d.requireTLS && d.tls == nil && !dsn.Local(host) {
		return nil, &DeniedError{Broker: address, Why: errors.New("the connection would be unencrypted, and the file has require_tls: true"), Remedy: "add tls: true to the source, and name a listener with TLS"}
	}
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(connecting, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", address, err)
	}
	if d.tls != nil {
		own := d.tls.Clone()
		if own.ServerName == "" {
			own.ServerName, _, _ = net.SplitHostPort(address) // a broken address could not be dialled
		}
		secure := tls.Client(raw, own)
		if err := secure.HandshakeContext(connecting); err != nil {
			return nil, errors.Join(tlsError(address, err), raw.Close())
		}
		raw = secure
	}
	c := &conn{Conn: raw, in: bufio.NewReaderSize(raw, 64<<10), clientID: d.clientID, responseTimeout: d.responseTimeout}
	if err := c.handshake(ctx, d.sasl, address); err != nil {
		if alert := (*net.OpError)(nil); errors.As(err, &alert) && alert.Op == "remote error" { // of TLS 1.3, behind the handshake
			err = tlsError(address, err)
		}
		return nil, errors.Join(fmt.Errorf("broker %s: %w", address, err), raw.Close())
	}
	return c, nil
}

// tlsError makes a certificate that is not believed, by us or by the broker, a final no.
func tlsError(address string, err error) error {
	no := &DeniedError{Broker: address, Why: fmt.Errorf("TLS: %w", err)}
	var ours *tls.CertificateVerificationError
	var theirs *net.OpError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &ours):
		no.Remedy = "name the authority that signed its certificate (tls: {ca: FILE.pem}), or the name that is in it (server_name)"
	case errors.As(err, &theirs) && theirs.Op == "remote error":
		no.Remedy = "give a client certificate that it trusts: tls: {cert: FILE.pem, key: FILE.pem}"
	case errors.As(err, &plain):
		no.Remedy = "take the port of a listener with TLS, or leave tls out"
	default:
		return fmt.Errorf("TLS with broker %s: %w", address, err)
	}
	return no
}

// handshake agrees on versions and says who we are.
func (c *conn) handshake(ctx context.Context, mechanism sasl.Mechanism, address string) error {
	answer, err := c.ask(ctx, &apiversions.Request{})
	if err != nil {
		return err
	}
	known, err := responseAs[*apiversions.Response](answer)
	if err != nil {
		return err
	}
	if known.ErrorCode != 0 {
		return kafkago.Error(known.ErrorCode)
	}
	c.versions = make(map[protocol.ApiKey]int16, len(known.ApiKeys))
	for _, k := range known.ApiKeys {
		key := protocol.ApiKey(k.ApiKey)
		c.versions[key] = key.SelectVersion(k.MinVersion, k.MaxVersion)
		if key == offsetForLeaderEpoch {
			c.tellsEpochs = k.MinVersion <= leaderEpochVersion && k.MaxVersion >= leaderEpochVersion
		}
		if key == protocol.Metadata {
			c.givesTopicIDs = k.MinVersion <= topicIDVersion && k.MaxVersion >= topicIDVersion
		}
		if newest := min(k.MaxVersion, tieredVersion); key == protocol.ListOffsets && k.MinVersion <= newest && newest >= earliestLocalVersion {
			c.tierVersion = uint16(newest)
		}
		if key == protocol.Fetch && (k.MinVersion > fetchVersion || k.MaxVersion < fetchVersion) {
			return fmt.Errorf("it speaks versions %d to %d of fetch, not %d: Kafka 2.3 or newer is needed", k.MinVersion, k.MaxVersion, fetchVersion)
		}
	}
	if mechanism == nil {
		return nil
	}
	host, _, _ := net.SplitHostPort(address)
	if err := c.authenticate(sasl.WithMetadata(ctx, &sasl.Metadata{Host: host}), mechanism, address); err != nil {
		return fmt.Errorf("SASL %s: %w", mechanism.Name(), err)
	}
	return nil
}

func (c *conn) authenticate(ctx context.Context, mechanism sasl.Mechanism, address string) error {
	answer, err := c.ask(ctx, &saslhandshake.Request{Mechanism: mechanism.Name()})
	if err != nil {
		return err
	}
	hands, err := responseAs[*saslhandshake.Response](answer)
	if err != nil {
		return err
	}
	if hands.ErrorCode != 0 {
		return &DeniedError{
			Broker: address, Why: kafkago.Error(hands.ErrorCode),
			Remedy: fmt.Sprintf("it offers %v: correct sasl: {mechanism}, or take the port of a listener with SASL", hands.Mechanisms),
		}
	}
	session, ours, err := mechanism.Start(ctx)
	if err != nil {
		return err
	}
	for done := false; !done; {
		answer, err := c.ask(ctx, &saslauthenticate.Request{AuthBytes: ours})
		if err != nil {
			return err
		}
		theirs, err := responseAs[*saslauthenticate.Response](answer)
		if err != nil {
			return err
		}
		if theirs.ErrorCode != 0 {
			return &DeniedError{
				Broker: address, Why: fmt.Errorf("%w: %s", kafkago.Error(theirs.ErrorCode), theirs.ErrorMessage),
				Remedy: "correct sasl: {username, password}",
			}
		}
		if done, ours, err = session.Next(ctx, theirs.AuthBytes); err != nil {
			return err
		}
	}
	return nil
}

// ask sends a small request and waits for its answer.
func (c *conn) ask(ctx context.Context, request protocol.Message) (protocol.Message, error) {
	defer c.withDeadline(ctx)()
	c.lastID++
	version := c.versions[request.ApiKey()]
	if err := protocol.WriteRequest(c, version, c.lastID, c.clientID, request); err != nil {
		return nil, c.timeoutError(ctx, err)
	}
	answer, err := receive(c.in, nil, maxAnswer, func() error { return ctx.Err() })
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	m, err := decodeAnswer(answer, request.ApiKey(), version, c.lastID)
	return m, c.failed(ctx, err)
}

// failed is timeoutError, and names the peer that is no broker.
func (c *conn) failed(ctx context.Context, err error) error {
	var stranger *StrangerError
	if errors.As(err, &stranger) {
		stranger.Address = c.RemoteAddr().String()
		return stranger
	}
	if err != nil {
		return c.timeoutError(ctx, err)
	}
	return nil
}

// withDeadline bounds what comes by ctx and the time of an answer; the returned function ends that.
func (c *conn) withDeadline(ctx context.Context) (release func() bool) {
	c.extendDeadline()
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}

// extendDeadline gives the broker its time again.
func (c *conn) extendDeadline() {
	_ = c.SetDeadline(time.Now().Add(c.responseTimeout)) // fails only on a closed connection; so does what follows
}

// timeoutError is causeOf, and says how long nothing came, or which broker hung up.
func (c *conn) timeoutError(ctx context.Context, err error) error {
	var network net.Error
	switch {
	case ctx.Err() == nil && errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("nothing has come for %s: %w", c.responseTimeout, err)
	case ctx.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)): // which name no peer
		return fmt.Errorf("broker %s ended the connection: %w", c.RemoteAddr(), err)
	}
	return causeOf(ctx, err)
}

// causeOf prefers the end of ctx over what it did to the connection.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func responseAs[T protocol.Message](m protocol.Message) (T, error) {
	t, ok := m.(T)
	if !ok {
		return t, fmt.Errorf("kafka: answer of type %T where %T was asked for", m, t)
	}
	return t, nil
}
