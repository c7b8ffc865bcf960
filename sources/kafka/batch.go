package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/compress"
)

// The layout of a record batch before its records.
const (
	batchLengthAt = 8
	epochAt       = 12
	magicAt       = 16
	crcAt         = 17
	attributesAt  = 21
	lastDeltaAt   = 23
	firstTimeAt   = 27
	maxTimeAt     = 35
	producerAt    = 43
	countAt       = 57
	recordsAt     = 61
)

// Bits of a batch's attributes.
const (
	codecBits     = 7
	logAppendTime = 1 << 3
	transactional = 1 << 4
	control       = 1 << 5
)

// unpackLimit bounds what one batch may unpack to: message sizes have a limit, and
// a batch that unpacks to more is damaged or hostile.
const unpackLimit = 1 << 30

// castagnoli is the polynomial of a batch's checksum.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged says that a batch is not what its producer wrote.
var errDamaged = errors.New("it is damaged: the checksum, or what it says of itself, is wrong")

// batch is the head of one record batch.
type batch struct {
	base       int64 // offset of its first record, as written
	next       int64 // the offset behind it, whatever compaction left of it
	epoch      int32
	attributes int16
	firstTime  int64
	maxTime    int64
	producer   int64
	count      int32
	records    []byte // maybe packed
}

// cutBatch takes the first batch off data. ok is false when only a part of one is left,
// which is how an answer ends that ran into its size limit.
func cutBatch(data []byte) (b batch, rest []byte, ok bool, err error) {
	if len(data) < magicAt+1 {
		return b, nil, false, nil
	}
	size := int64(int32(binary.BigEndian.Uint32(data[batchLengthAt:]))) + epochAt
	if magic := data[magicAt]; magic != 2 {
		return b, nil, false, fmt.Errorf("record format %d of before Kafka 0.11, only 2 can be read: let a current broker rewrite the topic, or mirror it", magic)
	}
	if size < recordsAt {
		return b, nil, false, fmt.Errorf("a record batch of %d bytes: %w", size, errShort)
	}
	if size > int64(len(data)) {
		return b, nil, false, nil
	}
	rest, data = data[size:], data[:size]
	if crc32.Checksum(data[attributesAt:], castagnoli) != binary.BigEndian.Uint32(data[crcAt:]) {
		return b, nil, false, errDamaged
	}
	b = batch{
		base:       int64(binary.BigEndian.Uint64(data)),
		epoch:      int32(binary.BigEndian.Uint32(data[epochAt:])),
		attributes: int16(binary.BigEndian.Uint16(data[attributesAt:])),
		firstTime:  int64(binary.BigEndian.Uint64(data[firstTimeAt:])),
		maxTime:    int64(binary.BigEndian.Uint64(data[maxTimeAt:])),
		producer:   int64(binary.BigEndian.Uint64(data[producerAt:])),
		count:      int32(binary.BigEndian.Uint32(data[countAt:])),
		records:    data[recordsAt:],
	}
	b.next = b.base + int64(int32(binary.BigEndian.Uint32(data[lastDeltaAt:]))) + 1
	if b.next <= b.base {
		return b, nil, false, fmt.Errorf("a record batch that ends at offset %d, before its start %d", b.next-1, b.base)
	}
	return b, rest, true, nil
}

// peekBatch is cutBatch for who wants to know only where the first batch ends.
func peekBatch(data []byte) (next int64, rest []byte, ok bool) {
	if len(data) < recordsAt {
		return 0, nil, false
	}
	size := int64(int32(binary.BigEndian.Uint32(data[batchLengthAt:]))) + epochAt
	if size < recordsAt || size > int64(len(data)) {
		return 0, nil, false
	}
	return int64(binary.BigEndian.Uint64(data)) + int64(int32(binary.BigEndian.Uint32(data[lastDeltaAt:]))) + 1, data[size:], true
}

func (b *batch) has(bit int16) bool { return b.attributes&bit != 0 }

// unpack returns the records as they were before compression: in place, or in buf, which
// is grown and given back.
func (b *batch) unpack(buf []byte) (records, grown []byte, err error) {
	kind := compress.Compression(b.attributes & codecBits)
	if kind == 0 {
		return b.records, buf, nil
	}
	if kind > compress.Zstd {
		return nil, buf, fmt.Errorf("unknown compression %d", kind)
	}
	z := kind.Codec().NewReader(bytes.NewReader(b.records))
	buf, err = readInto(z, buf[:0])
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, buf, fmt.Errorf("unpack %s: %w", kind, err)
	}
	return buf, buf, nil
}

func readInto(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, max(64<<10, len(buf)))
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		case len(buf) > unpackLimit:
			return buf, fmt.Errorf("it has more than %d bytes", unpackLimit)
		}
	}
}

// filter tells which batches of one answer are records of committed transactions.
type filter struct {
	aborted []abortedTx // not yet begun
	open    []int64     // producers in an aborted transaction
}

// skips reports whether b is a marker or belongs to an aborted transaction.
func (f *filter) skips(b *batch) bool {
	for len(f.aborted) > 0 && f.aborted[0].first < b.next {
		f.open = append(f.open, f.aborted[0].producer)
		f.aborted = f.aborted[1:]
	}
	at := slices.Index(f.open, b.producer)
	if b.has(control) {
		if at >= 0 { // the end of the transaction
			f.open = slices.Delete(f.open, at, at+1)
		}
		return true
	}
	return at >= 0 && b.has(transactional)
}
