package script

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"humpty/projector/fold"
)

// greeting is the first that the process of a script says.
const greeting = "humpty script 1\n"

// load is the first that it is told.
type load struct {
	Name   string
	Source string
	Limits Limits
}

// The kinds of frames: a length of 8 bytes, a kind of one, and what it is about.
const (
	frameLoad      = 'l' // to the process: the module
	frameDocuments = 'd' // to it: documents that are to be made
	frameWatched   = 'w' // to it: one document, and what is begun is told
	frameTraced    = 't' // to it: likewise, and the state is written behind each event
	frameReady     = 'r' // of it: the module is loaded
	frameRefused   = 'x' // of it: the module is no good; the reason
	frameBegun     = 'b' // of it: the event that it begins with
	frameMade      = 'm' // of it: what became of the documents
)

// What became of an event, and of a document.
const (
	eventApplied = 0
	eventPoison  = 1 // and the reason
	documentNone = 0
	documentMade = 1 // and its text
	documentLost = 2 // and why it is rejected
)

// frame is one that is being made, or read.
type frame struct {
	data []byte
	at   int // where it is read
	cut  bool
}

const frameHead = 9

// begin starts a frame over.
func (f *frame) begin(kind byte) {
	f.data = append(append(f.data[:0], make([]byte, frameHead-1)...), kind)
	f.at, f.cut = frameHead, false
}

func (f *frame) number(n int64)  { f.data = binary.AppendVarint(f.data, n) }
func (f *frame) byte(b byte)     { f.data = append(f.data, b) }
func (f *frame) bytes(b []byte)  { f.number(int64(len(b))); f.data = append(f.data, b...) }
func (f *frame) string(s string) { f.number(int64(len(s))); f.data = append(f.data, s...) }

// send writes the frame.
func (f *frame) send(w io.Writer) error {
	binary.LittleEndian.PutUint64(f.data, uint64(len(f.data)-frameHead))
	_, err := w.Write(f.data)
	return err
}

// receive reads the next frame.
func (f *frame) receive(r *bufio.Reader) (kind byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > 1<<40 {
		return 0, fmt.Errorf("a frame of %d bytes", n)
	}
	if uint64(cap(f.data)) < n {
		f.data = make([]byte, n)
	}
	f.data, f.at, f.cut = f.data[:n], 0, false
	_, err = io.ReadFull(r, f.data)
	return head[frameHead-1], err
}

func (f *frame) nextNumber() int64 {
	v, n := binary.Varint(f.data[f.at:])
	if n <= 0 {
		f.at, f.cut = len(f.data), true
		return 0
	}
	f.at += n
	return v
}

func (f *frame) nextByte() byte {
	if f.at >= len(f.data) {
		f.cut = true
		return 0
	}
	f.at++
	return f.data[f.at-1]
}

// nextBytes stay valid until the next frame is received.
func (f *frame) nextBytes() []byte {
	n := f.nextNumber()
	if n < 0 || n > int64(len(f.data)-f.at) {
		f.at, f.cut = len(f.data), true
		return nil
	}
	f.at += int(n)
	return f.data[f.at-int(n) : f.at : f.at]
}

var errCut = errors.New("a frame is cut short")

// err says whether there was as much as was asked for.
func (f *frame) err() error {
	if f.cut {
		return errCut
	}
	return nil
}

// event adds one.
func (f *frame) event(e *fold.Event) {
	f.string(e.Topic)
	f.number(int64(e.Partition))
	f.number(e.Offset)
	f.number(e.Time)
	f.string(e.Type)
	if e.Deleted {
		f.byte(1)
		return
	}
	f.byte(0)
	f.bytes(e.Value)
}

// names keeps one text of each name: there are few types and topics, and many events.
type names map[string]string

func (n names) of(b []byte) string {
	s, ok := n[string(b)]
	if !ok {
		s = string(b)
		if len(n) < 10_000 {
			n[s] = s
		}
	}
	return s
}

// nextEvent reads one.
func (f *frame) nextEvent(known names, key []byte) fold.Event {
	e := fold.Event{Key: key, Topic: known.of(f.nextBytes()), Partition: int32(f.nextNumber()), Offset: f.nextNumber(), Time: f.nextNumber()}
	e.Type = known.of(f.nextBytes())
	if e.Deleted = f.nextByte() == 1; !e.Deleted {
		e.Value = f.nextBytes()
	}
	return e
}
