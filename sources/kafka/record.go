package kafka

import (
	"fmt"
	"slices"

	"humpty/sources"
)

// decoder walks the records of one unpacked batch.
type decoder struct {
	batch
	rest []byte
	left int32
	last int64 // offset of the last record that was looked at

	names map[string]string // of headers, so that they are made once
	spare []sources.Header  // room for those of the next records
}

const (
	newNames     = 1 << 10 // how many names of headers are kept
	spareHeaders = 512     // made at once
)

func (d *decoder) open(b batch, records []byte) {
	d.batch, d.rest, d.left, d.last = b, records, b.count, b.base-1
}

// fill appends records of [from, to) to b until it is full or the batch is at its end. It
// returns the offset behind the last record that was looked at.
func (d *decoder) fill(b *sources.Batch, from, to int64) (next int64, err error) {
	next = from
	if cap(b.Data) < b.Limit {
		b.Data = slices.Grow(b.Data, b.Limit-len(b.Data))
	}
	for d.left > 0 && !b.Full() {
		size, i := varint(d.rest, 0)
		if i < 0 || size < 0 || size > int64(len(d.rest)-i) {
			return next, fmt.Errorf("record behind offset %d: %w", next-1, errShort)
		}
		body := d.rest[i : i+int(size)]
		d.rest = d.rest[i+int(size):]
		d.left--
		offset, err := d.record(b, body, from, to)
		if err != nil {
			return next, err
		}
		if offset >= to {
			d.left, d.rest = 0, nil
			break
		}
		b.Offsets.AddGap(sources.OffsetGap{From: next, To: offset})
		next = max(next, offset+1)
	}
	if d.left <= 0 {
		if len(d.rest) > 0 {
			return next, fmt.Errorf("the batch at offset %d says that it has %d records, and %d bytes are behind them: %w", d.base, d.count, len(d.rest), errDamaged)
		}
		end := max(next, min(d.next, to))
		b.Offsets.AddGap(sources.OffsetGap{From: next, To: end})
		next = end
	}
	return next, nil
}

// record decodes a record and appends it if it is in [from, to).
func (d *decoder) record(b *sources.Batch, body []byte, from, to int64) (offset int64, err error) {
	delta, i := varint(body, 1) // behind the attributes, which have no meaning
	step, i := varint(body, i)
	offset = d.base + step
	if i >= 0 && (offset <= d.last || offset >= d.next) {
		return offset, fmt.Errorf("record %d, behind record %d in a batch of the offsets %d to %d: %w", offset, d.last, d.base, d.next-1, errDamaged)
	}
	d.last = offset
	keySize, i := varint(body, i)
	if i < 0 || keySize > int64(len(body)-i) {
		return offset, fmt.Errorf("record %d: key: %w", offset, errShort)
	}
	key := i
	i += int(max(keySize, 0))
	valueSize, i := varint(body, i)
	if i < 0 || valueSize > int64(len(body)-i) {
		return offset, fmt.Errorf("record %d: value: %w", offset, errShort)
	}
	value := i
	i += int(max(valueSize, 0))
	headers, i := varint(body, i)
	if i < 0 || headers < 0 || headers > int64(len(body)-i) {
		return offset, fmt.Errorf("record %d: headers: %w", offset, errShort)
	}
	if offset < from || offset >= to {
		return offset, nil
	}
	held := b.Hold(body[key:])
	b.Records = append(b.Records, sources.Record{Offset: offset, Time: d.firstTime + delta})
	r := &b.Records[len(b.Records)-1]
	if d.has(logAppendTime) {
		r.Time = d.maxTime
	}
	if keySize >= 0 {
		r.Key = held[:keySize:keySize]
	}
	if valueSize >= 0 {
		r.Value = held[value-key : value-key+int(valueSize) : value-key+int(valueSize)]
	} else {
		r.Deleted = true
	}
	if headers > 0 {
		if r.Headers, err = d.headers(held[i-key:], int(headers)); err != nil {
			return offset, fmt.Errorf("record %d: %w", offset, err)
		}
	}
	return offset, nil
}

func (d *decoder) headers(p []byte, n int) ([]sources.Header, error) {
	if cap(d.spare)-len(d.spare) < n {
		d.spare = make([]sources.Header, 0, max(n, spareHeaders))
	}
	first := len(d.spare)
	i := 0
	for range n {
		var size int64
		if size, i = varint(p, i); i < 0 || size < 0 || size > int64(len(p)-i) {
			return nil, fmt.Errorf("name of a header: %w", errShort)
		}
		h := sources.Header{Name: d.name(p[i : i+int(size)])}
		i += int(size)
		if size, i = varint(p, i); i < 0 || size > int64(len(p)-i) {
			return nil, fmt.Errorf("header %s: %w", h.Name, errShort)
		}
		if size >= 0 {
			h.Value = slices.Clip(p[i : i+int(size)])
			i += int(size)
		}
		d.spare = append(d.spare, h)
	}
	return slices.Clip(d.spare[first:]), nil
}

func (d *decoder) name(p []byte) string {
	if s, ok := d.names[string(p)]; ok {
		return s
	}
	s := string(p)
	if d.names == nil {
		d.names = map[string]string{}
	}
	if len(d.names) < newNames {
		d.names[s] = s
	}
	return s
}

// varint reads a zigzag number at i, and returns where it ends; -1 if it does not, or if
// i was that already.
func varint(p []byte, i int) (int64, int) {
	if i < 0 || i >= len(p) {
		return 0, -1
	}
	if c := p[i]; c < 0x80 {
		return int64(c>>1) ^ -int64(c&1), i + 1
	}
	var u uint64
	for shift := 0; shift < 64 && i < len(p); shift += 7 {
		c := p[i]
		i++
		u |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return int64(u>>1) ^ -int64(u&1), i
		}
	}
	return 0, -1
}
