package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	bufferSize = 128 << 10 // of reads from the socket: the server sends in pieces of 8 KB
	maxMessage = 1<<30 + 1<<20
	pipelined  = 128 << 10 // queries below it fit the socket's buffers, so both sides cannot block on each other
)

// wire reads rows straight out of the socket's buffer. pgx opens and authenticates the
// connection and speaks for it between queries (set-up, cancel, close); while rows
// stream it is bypassed, since its reader takes 8 KB a system call and an interface a row.
type wire struct {
	pg   *pgconn.PgConn
	conn net.Conn
	in   io.Reader // of conn; pgx may have begun to read ahead through it
	role string    // for messages

	halfOpen *halfOpenWatch // watches reads

	buf  []byte
	r, w int // buf[r:w] is unread
	out  []byte

	header   bool  // the next CopyData begins with the COPY header
	failed   error // what the server said about the running query
	received int64
	spent    bool // a query did not end: the connection is only good for closing
}

func newWire(pg *pgconn.PgConn, in io.Reader) *wire {
	return &wire{pg: pg, conn: pg.Conn(), in: in, buf: make([]byte, bufferSize)}
}

// CancelWith makes I/O on c fail when ctx ends. The returned function stops that; where ctx
// ended before, the connection is spent.
func (c *wire) CancelWith(ctx context.Context) (stop func()) {
	undo := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { c.spent = !undo() || c.spent }
}

// Queue adds a query to what flush sends.
func (c *wire) Queue(sql []byte) {
	c.out = append(c.out, 'Q')
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(len(sql)+5))
	c.out = append(append(c.out, sql...), 0)
}

// CanPipeline reports whether one more query may be sent before answers are read.
func (c *wire) CanPipeline() bool { return len(c.out) < pipelined }

// Flush sends the queries; until done, the connection counts as spent.
func (c *wire) Flush() error {
	c.spent = true // until the last row was read; see done
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// Done says that every query sent was read to its end.
func (c *wire) Done() { c.spent = false }

// IsSpent reports whether the connection is only good for closing.
func (c *wire) IsSpent() bool { return c.spent }

// CheckClosed notes that pgx has closed the connection, if it has.
func (c *wire) CheckClosed() { c.spent = c.spent || c.pg.IsClosed() }

// BytesReceived counts what has come while rows were streamed.
func (c *wire) BytesReceived() int64 { return c.received }

// SetDeadline bounds what is sent and received until it is set again; zero: nothing.
func (c *wire) SetDeadline(t time.Time) { _ = c.conn.SetDeadline(t) } // fails only on a closed connection; so does what follows

// Row returns the next row of the running query in the binary format (a field count,
// then length and bytes of each field), valid until the next call; nil at its end.
func (c *wire) Row() ([]byte, error) {
	for {
		kind, body, err := c.message()
		if err != nil && c.failed != nil {
			return nil, c.failed // the server said why before it went away
		}
		if err != nil {
			return nil, err
		}
		switch kind {
		case 'd':
			if c.header {
				if body, err = skipHeader(body); err != nil {
					return nil, err
				}
				c.header = false
			}
			if len(body) == 0 || len(body) == 2 && body[0] == 0xff && body[1] == 0xff {
				continue // the trailer
			}
			return body, nil
		case 'D':
			return body, nil
		case 'H':
			c.header = true
		case 'E':
			c.failed = c.withPolicy(serverError(body))
		case 'Z':
			err := c.failed
			c.failed = nil
			return nil, err
		case 'c', 'C', 'T', 'N', 'S', 'A', 'I':
		default:
			return nil, fmt.Errorf("unexpected message %q from the server", kind)
		}
	}
}

// Run sends one statement and reads its answer to the end.
func (c *wire) Run(sql string) error {
	c.Queue([]byte(sql))
	if err := c.Flush(); err != nil {
		return err
	}
	return c.Skip()
}

// Skip reads the running query to its end.
func (c *wire) Skip() error {
	for {
		row, err := c.Row()
		if row == nil || err != nil {
			return err
		}
	}
}

func (c *wire) message() (byte, []byte, error) {
	if err := c.need(5); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint32(c.buf[c.r+1:]))
	if n < 4 || n > maxMessage {
		return 0, nil, fmt.Errorf("corrupted stream from the server: a message of %d bytes", n)
	}
	if err := c.need(n + 1); err != nil {
		return 0, nil, err
	}
	at := c.r
	c.r += n + 1
	return c.buf[at], c.buf[at+5 : c.r : c.r], nil
}

// need makes at least n unread bytes available. A claimed length is not believed
// before its bytes arrive: the buffer at most doubles.
func (c *wire) need(n int) error {
	if c.r == c.w {
		c.r, c.w = 0, 0
		if len(c.buf) > 8*bufferSize {
			c.buf = make([]byte, bufferSize)
		}
	}
	for c.w-c.r < n {
		if c.r > 0 && c.r+n > len(c.buf) {
			c.w = copy(c.buf, c.buf[c.r:c.w])
			c.r = 0
		}
		if c.w == len(c.buf) {
			c.buf = append(c.buf, make([]byte, min(len(c.buf), n-len(c.buf)))...)
		}
		c.halfOpen.begin()
		got, err := c.in.Read(c.buf[c.w:])
		err = c.halfOpen.end(err)
		c.w += got
		c.received += int64(got)
		if err != nil && c.w-c.r < n {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// copySignature begins every binary COPY.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

func skipHeader(body []byte) ([]byte, error) {
	n := len(copySignature)
	if len(body) < n+8 || string(body[:n]) != string(copySignature) {
		return nil, errors.New("corrupted stream from the server: no COPY header")
	}
	ext := int(binary.BigEndian.Uint32(body[n+4:]))
	if ext > len(body)-n-8 {
		return nil, errors.New("corrupted stream from the server: a cut COPY header")
	}
	return body[n+8+ext:], nil
}

func serverError(body []byte) error {
	var msg pgproto3.ErrorResponse
	if err := msg.Decode(body); err != nil {
		return fmt.Errorf("unreadable error from the server: %w", err)
	}
	return pgconn.ErrorResponseToPgError(&msg)
}
