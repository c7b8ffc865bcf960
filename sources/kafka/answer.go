package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxAnswer is how large an answer that has no records may be, in bytes. It is about the topics
	// that were asked for: some 50 bytes for each partition.
	maxAnswer = 4 << 20
	// firstRead is how much memory is taken because a peer says that it will send so much.
	firstRead = 1 << 20
)

// StrangerError is the error of an address that answers in no way that a Kafka broker does.
type StrangerError struct {
	Address string
	What    string
}

func (e *StrangerError) Error() string {
	return fmt.Sprintf("%s: %s: is this a Kafka broker? Correct brokers: [HOST:PORT], or take the port of a listener without TLS", e.Address, e.What)
}

// receive reads the next answer, its size left out, into buf, which is grown and given back.
// Memory follows what has come, and not what the peer says will come. more is called for each
// part.
func receive(in io.Reader, buf []byte, limit uint32, more func() error) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return buf[:0], err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > limit || size < 4 {
		return buf[:0], &StrangerError{What: fmt.Sprintf("an answer of %d bytes, which begins with %q", size, head)}
	}
	buf = buf[:0]
	for left := int(size); left > 0; {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(left, max(firstRead, len(buf))))
		}
		n, err := in.Read(buf[len(buf):min(cap(buf), len(buf)+left)])
		buf, left = buf[:len(buf)+n], left-n
		if err != nil {
			return buf, unexpectedEOF(err)
		}
		if err := more(); err != nil { // slow is not silent
			return buf, err
		}
	}
	return buf, nil
}

// decodeAnswer makes a message of an answer to a request of ours. kafka-go takes every count in it on
// trust, and makes room for it; so kmsg, which holds each count against the bytes that are left,
// reads it first.
func decodeAnswer(answer []byte, key protocol.ApiKey, version int16, id int32) (m protocol.Message, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			m, err = nil, &StrangerError{What: fmt.Sprintf("an answer to %s that cannot be read: %v", key, wrong)}
		}
	}()
	if got := int32(binary.BigEndian.Uint32(answer)); got != id {
		return nil, &StrangerError{What: fmt.Sprintf("answer %d where %d was awaited", got, id)}
	}
	if err := plausible(answer[4:], key, version); err != nil {
		return nil, err
	}
	sized := append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)
	_, m, err = protocol.ReadResponse(bytes.NewReader(sized), key, version)
	return m, err
}

// plausible reads an answer behind its correlation id with each count checked.
func plausible(body []byte, key protocol.ApiKey, version int16) error {
	checked := kmsg.ResponseForKey(int16(key))
	if checked == nil {
		return fmt.Errorf("kafka: there is no request %d", key)
	}
	checked.SetVersion(version)
	if checked.IsFlexible() && key != protocol.ApiVersions { // tags in the header: none is known
		tags, n := binary.Uvarint(body)
		if n <= 0 || tags != 0 {
			return &StrangerError{What: fmt.Sprintf("an answer to %s with %d tags in its header", key, tags)}
		}
		body = body[n:]
	}
	if err := checked.ReadFrom(body); err != nil {
		return &StrangerError{What: fmt.Sprintf("an answer to %s that cannot be read: %v", key, err)}
	}
	return nil
}
