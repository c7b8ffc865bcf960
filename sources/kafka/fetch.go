package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	fetchVersion = 11 // the newest without flexible fields and topic ids; Kafka 2.3 to 4.x
	fetchWait    = 500 * time.Millisecond
	maxResponse  = 1 << 30 // larger is no answer but garbage
)

// errShort says that an answer or a batch ends in the middle of something.
var errShort = errors.New("kafka: data end too early")

// sendFetch asks for records of one partition from an offset on; the answer is read by
// receiveFetch. Only committed transactions are asked for, with a list of the others.
func (c *conn) sendFetch(ctx context.Context, topic string, partition int32, offset int64, limit int) error {
	defer c.withDeadline(ctx)()
	c.lastID++
	b := make([]byte, 4, 128+len(topic))
	b = binary.BigEndian.AppendUint16(b, uint16(protocol.Fetch))
	b = binary.BigEndian.AppendUint16(b, fetchVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(c.lastID))
	b = appendText(b, c.clientID)
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // replica id: none
	b = binary.BigEndian.AppendUint32(b, uint32(fetchWait.Milliseconds()))
	b = binary.BigEndian.AppendUint32(b, 1)             // bytes at least
	b = binary.BigEndian.AppendUint32(b, uint32(limit)) // bytes at most; one batch always comes
	b = append(b, 1)                                    // isolation: read committed
	b = binary.BigEndian.AppendUint32(b, 0)             // session id and epoch: none
	b = binary.BigEndian.AppendUint32(b, ^uint32(0))
	b = binary.BigEndian.AppendUint32(b, 1) // topics
	b = appendText(b, topic)
	b = binary.BigEndian.AppendUint32(b, 1) // partitions
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // leader epoch: not checked
	b = binary.BigEndian.AppendUint64(b, uint64(offset))
	b = binary.BigEndian.AppendUint64(b, ^uint64(0)) // log start offset: for replicas
	b = binary.BigEndian.AppendUint32(b, uint32(limit))
	b = binary.BigEndian.AppendUint32(b, 0) // forgotten topics
	b = appendText(b, "")                   // rack
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := c.Write(b)
	return causeOf(ctx, err)
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// fetchResponse is the answer for one partition; its slices point into the answer's buffer.
type fetchResponse struct {
	code      kafkago.Error // 0: none
	throttled bool
	start     int64 // of the log
	stable    int64 // last stable offset
	aborted   []abortedTx
	batches   []byte
}

// abortedTx is one transaction that was aborted at or behind the fetched offset.
type abortedTx struct{ producer, first int64 }

// receiveFetch reads the next answer into buf, which is grown and given back.
func (c *conn) receiveFetch(ctx context.Context, buf []byte) ([]byte, error) {
	defer c.withDeadline(ctx)()
	buf, err := receive(c.in, buf, maxResponse, func() error {
		c.extendDeadline()
		return ctx.Err() // it may have ended before that
	})
	if err != nil {
		return buf, c.failed(ctx, err)
	}
	if id := int32(binary.BigEndian.Uint32(buf)); id != c.lastID {
		return buf, fmt.Errorf("kafka: answer %d where %d was awaited", id, c.lastID)
	}
	return buf, nil
}

// unexpectedEOF makes an end in the middle of something the error that it is.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseFetch takes an answer apart.
func parseFetch(buf []byte) (f fetchResponse, err error) {
	s := scanner{rest: buf}
	s.skip(4) // correlation id
	f.throttled = s.int32() > 0
	code := s.int16()
	s.skip(4) // session id
	topics := s.int32()
	if s.short || topics != 1 || code != 0 {
		if code != 0 {
			return fetchResponse{code: kafkago.Error(code), throttled: f.throttled}, nil
		}
		return f, fmt.Errorf("fetch answer with %d topics: %w", topics, errShort)
	}
	s.skip(int(s.int16())) // its name
	if n := s.int32(); n != 1 && !s.short {
		return f, fmt.Errorf("fetch answer with %d partitions: %w", n, errShort)
	}
	s.skip(4) // its number
	f.code = kafkago.Error(s.int16())
	s.skip(8) // high watermark
	f.stable = s.int64()
	f.start = s.int64()
	for n := s.int32(); n > 0 && !s.short; n-- {
		f.aborted = append(f.aborted, abortedTx{producer: s.int64(), first: s.int64()})
	}
	s.skip(4) // preferred replica
	size := s.int32()
	if size > 0 {
		f.batches = s.take(int(size))
	}
	if s.short {
		return f, errShort
	}
	slices.SortFunc(f.aborted, func(a, b abortedTx) int { return int(min(max(a.first-b.first, -1), 1)) })
	return f, nil
}
