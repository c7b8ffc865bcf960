package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sources/kafka"
)

// peer listens on loopback and answers each request with what answer gives, until the test ends.
func peer(t *testing.T, answer func(request []byte, to net.Conn)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			context.AfterFunc(t.Context(), func() { _ = c.Close() })
			group.Go(func() error {
				defer c.Close()
				for request := received(c); request != nil; request = received(c) {
					answer(request, c)
				}
				return nil
			})
		}
		return nil
	})
	t.Cleanup(func() { _ = l.Close(); _ = group.Wait() })
	return l.Addr().String()
}

// received is the next request; nil at the end of the connection.
func received(c net.Conn) []byte {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil
	}
	request := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(c, request); err != nil {
		return nil
	}
	return request
}

// framed is an answer to a request: its size, the request's correlation id, a body.
func framed(request []byte, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	return append(append(b, request[4:8]...), body...)
}

// retry is for how long a peer is asked again: for long where it must not be.
func retry(want string) time.Duration {
	if strings.Contains(want, "is this") {
		return time.Hour
	}
	return time.Millisecond
}

// TestStrangers: an address that is no broker, or a broker that means ill, costs a moment and
// little memory, and the error names it. The test is not parallel: it measures the heap.
func TestStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(request []byte, to net.Conn)
		want   string
	}{
		"HTTP": {func(_ []byte, to net.Conn) {
			_, _ = io.WriteString(to, "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
		}, `begins with "HTTP": is this a Kafka broker?`},
		"PostgreSQL": {func(_ []byte, to net.Conn) {
			_, _ = io.WriteString(to, "E\x00\x00\x00\x20SFATAL\x00C08P01\x00Munsupported\x00\x00")
		}, "is this a Kafka broker?"},
		"TLS":           {func(_ []byte, to net.Conn) { _, _ = to.Write([]byte{0x15, 3, 3, 0, 2, 2, 0x46}) }, "is this a Kafka broker?"},
		"negative size": {func(_ []byte, to net.Conn) { _, _ = to.Write([]byte{0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0}) }, "is this a Kafka broker?"},
		"no size":       {func(_ []byte, to net.Conn) { _, _ = to.Write([]byte{0, 0, 0, 0}) }, "an answer of 0 bytes"},
		"endless": {func(_ []byte, to net.Conn) {
			_, _ = to.Write([]byte{0x7f, 0, 0, 0})
			for _, err := to.Write(make([]byte, 1<<20)); err == nil; _, err = to.Write(make([]byte, 1<<20)) {
			}
		}, "is this a Kafka broker?"},
		"a thousand million elements": {func(request []byte, to net.Conn) {
			_, _ = to.Write(framed(request, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0))
		}, "that cannot be read"},
		"fewer elements than none": {func(request []byte, to net.Conn) {
			_, _ = to.Write(framed(request, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0))
		}, "kafka"},
		"another request's": {func(request []byte, to net.Conn) {
			other := framed(request, 0, 0, 0, 0, 0, 0)
			other[7]++
			_, _ = to.Write(other)
		}, "was awaited"},
		"cut off": {func(request []byte, to net.Conn) {
			_, _ = to.Write(framed(request, 0, 0, 0, 0, 0, 0)[:9])
			_ = to.Close()
		}, "ended the connection: "},
		"silent": {func([]byte, net.Conn) {}, "nothing has come for"},
		"a byte at a time": {func(request []byte, to net.Conn) {
			for _, b := range framed(request, make([]byte, 1000)...) {
				if _, err := to.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(20 * time.Millisecond)
			}
		}, "nothing has come for"},
	} {
		t.Run(name, func(t *testing.T) {
			address := peer(t, c.answer)
			s, err := kafka.New(kafka.Config{
				Brokers: []string{address}, Topics: []kafka.Topic{{Name: "orders"}},
				RetryTime: retry(c.want), ResponseTimeout: 500 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = s.Plan(t.Context())
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), address) {
				t.Errorf("got %v", err)
			}
			var stranger *kafka.StrangerError
			if strings.Contains(c.want, "is this") && (!errors.As(err, &stranger) || s.IsUnavailable(err)) {
				t.Errorf("it is waited for: %v", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
				t.Errorf("it took %d MB", took>>20)
			}
		})
	}
}
