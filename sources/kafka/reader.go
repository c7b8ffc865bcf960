package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"

	"humpty/sources"
)

// reader reads one partition. The next answer is already on its way while one is
// decoded: the broker works, and what it sends waits in the socket.
type reader struct {
	view      *view
	partition topicPartition
	at        position // of the next record to be given
	fence     int64
	began     int64 // where the last batch that was given ended

	conn *conn
	answer
	decoder    decoder
	unpacked   []byte // the buffer of the present batch, unpacked
	failed     error  // what the next call gives
	endChecked bool   // the end was checked
	tail       bool   // the fence moves with the log
	needsAll   bool   // a hole is an event that is missing
	hole       hole   // that may be in the tiers at the position
}

// answer is what a reader has of the answers to its requests.
type answer struct {
	requested bool   // one is on its way
	response  []byte // the buffer of the present one
	batches   []byte // of it, not yet decoded
	filter    filter // of it
}

func (r *reader) Next(ctx context.Context, b *sources.Batch) error {
	if err := r.failed; err != nil {
		r.failed = nil
		return err
	}
	for !b.Full() && r.at.offset < r.fence {
		if err := r.advance(ctx, b); err != nil {
			if err = r.fail(ctx, err); r.at.offset == r.began || ctx.Err() != nil {
				return err
			}
			r.failed = err // behind what is read already: whoever asks again goes on behind that
			break
		}
		if b.Limit == 0 && len(b.Records) > 0 {
			break
		}
	}
	if r.at.offset >= r.fence && !r.endChecked {
		if err := r.view.checkPartitions(ctx); err != nil {
			return fmt.Errorf("kafka: %w", err)
		}
		r.endChecked = true
	}
	if err := r.account(b); err != nil {
		return err
	}
	if len(b.Records) == 0 && b.Counts == (sources.Counts{}) && b.Offsets.From == b.Offsets.To {
		return io.EOF
	}
	b.Counts.Read, b.Counts.Used = int64(len(b.Records)), int64(len(b.Records))
	b.Position = r.at.format()
	return nil
}

// fail makes the reader ask again from its position on: what it has of the present answer may
// be what is wrong, and must not be passed over.
func (r *reader) fail(ctx context.Context, err error) error {
	r.decoder.left, r.decoder.rest, r.batches, r.requested = 0, nil, nil, false
	return fmt.Errorf("kafka: %w", errors.Join(err, r.Close(ctx)))
}

// account says in a batch which offsets were passed for it. Each of them was read, or a broker
// has said what it is instead.
func (r *reader) account(b *sources.Batch) error {
	b.Offsets.From, b.Offsets.To = r.began, r.at.offset
	all := sources.OffsetCounts{From: r.began, To: r.began}
	if err := all.Add(b, r.at.offset); err != nil {
		return fmt.Errorf("kafka: partition %s: %w: this is an error of humpty, report it", r.partition, err)
	}
	r.began = r.at.offset
	if all.Holes > 0 && r.needsAll {
		return r.compactedError(b)
	}
	return nil
}

func (r *reader) Close(context.Context) error {
	if r.conn == nil {
		return nil
	}
	err := r.conn.Close()
	r.conn = nil
	return err
}

// advance decodes records of the present batch, or goes on to the next one, or the next
// answer.
func (r *reader) advance(ctx context.Context, b *sources.Batch) error {
	if r.decoder.left > 0 {
		return r.decode(b)
	}
	if len(r.batches) > 0 {
		next, rest, ok, err := cutBatch(r.batches)
		if err != nil {
			return fmt.Errorf("partition %s, at offset %d: %w", r.partition, r.at.offset, err)
		}
		if ok {
			r.batches = rest
			return r.openBatch(next, b)
		}
		r.batches = nil
	}
	return r.receive(ctx, b)
}

// openBatch begins a batch.
func (r *reader) openBatch(next batch, b *sources.Batch) error {
	if next.next <= r.at.offset {
		return nil // the log's index is coarse
	}
	if next.epoch < r.at.epoch {
		return &ChangedTopicError{
			Topic: r.partition.topic, What: fmt.Sprintf("has older leader epochs behind newer ones in partition %d, at offset %d", r.partition.partition, next.base),
			Remedy: "the topic was made again, or its log was truncated; rebuild",
		}
	}
	if next.base < r.fence {
		r.at.epoch = next.epoch
	}
	if r.tail && next.next > r.fence {
		return fmt.Errorf("partition %s: a batch that ends at offset %d, behind the last stable offset %d of the same answer", r.partition, next.next, r.fence)
	}
	if !next.has(control) {
		b.Counts.Rows += int64(next.count)
	}
	if r.filter.skips(&next) {
		r.skip(&next, b)
		return nil
	}
	records, packed, err := next.unpack(r.unpacked)
	r.unpacked = packed
	if err != nil {
		return fmt.Errorf("partition %s, batch at offset %d: %w", r.partition, next.base, err)
	}
	r.decoder.open(next, records)
	return r.decode(b)
}

// skip passes a batch that has nothing to give.
func (r *reader) skip(next *batch, b *sources.Batch) {
	end := min(next.next, r.fence)
	begin := max(min(next.base, end), r.at.offset)
	b.Offsets.AddGap(sources.OffsetGap{From: r.at.offset, To: begin})
	known := min(int64(next.count), end-begin)
	gap := sources.OffsetGap{From: begin, To: end, Aborted: known}
	if next.has(control) {
		gap.Aborted, gap.Markers = 0, known
	}
	b.Offsets.AddGap(gap)
	r.at.offset = end
}

func (r *reader) decode(b *sources.Batch) error {
	next, err := r.decoder.fill(b, r.at.offset, r.fence)
	r.at.offset = next
	if err != nil {
		return fmt.Errorf("partition %s: %w", r.partition, err)
	}
	return nil
}

// receive waits for the next answer and asks for the one behind it.
func (r *reader) receive(ctx context.Context, b *sources.Batch) error {
	c := r.view.source.cluster
	return c.retry(ctx, func() error {
		got, err := r.fetch(ctx)
		if err == nil {
			b.Counts.Bytes += int64(len(got.batches))
			err = r.accept(ctx, got)
		}
		if err == nil {
			return nil
		}
		return r.disconnect(ctx, err)
	})
}

// disconnect ends the connection after an error: whatever it was, the leader may be another
// one now.
func (r *reader) disconnect(ctx context.Context, err error) error {
	err = errors.Join(err, r.Close(ctx))
	r.requested, r.batches = false, nil
	return fmt.Errorf("partition %s: %w", r.partition, err)
}

// fetch gets one answer without an error in it.
func (r *reader) fetch(ctx context.Context) (got fetchResponse, err error) {
	if r.conn == nil {
		if err := r.connect(ctx); err != nil {
			return got, err
		}
	}
	if !r.requested {
		if err := r.request(ctx, r.at.offset); err != nil {
			return got, err
		}
	}
	r.requested = false
	if r.response, err = r.conn.receiveFetch(ctx, r.response); err != nil {
		return got, err
	}
	if got, err = parseFetch(r.response); err != nil {
		return got, err
	}
	switch got.code {
	case 0:
	case kafkago.OffsetOutOfRange:
		return got, r.lostError(ctx)
	default:
		return got, deletedTopic(topicError(r.conn.RemoteAddr().String(), r.partition.topic, got.code))
	}
	if r.tail && got.stable >= r.at.offset {
		r.fence = got.stable
	}
	if got.stable < r.fence { // a new leader may not know it yet
		return got, fmt.Errorf("the last stable offset is %d, it was %d: a new leader behind its time, or the topic was made again", got.stable, r.fence)
	}
	return got, nil
}

// connect connects to the leader, and makes sure that it has what was read already.
func (r *reader) connect(ctx context.Context) (err error) {
	var l layout
	if r.conn, l, err = r.view.source.cluster.leader(ctx, r.partition); err != nil {
		return deletedTopic(err)
	}
	if err := r.at.checkTopic(r.partition, l.ids[r.partition.topic]); err != nil {
		return err
	}
	_, err = r.at.checkEpoch(ctx, r.conn, r.partition, l.epochs[r.partition])
	return err
}

func (r *reader) request(ctx context.Context, offset int64) error {
	err := r.conn.sendFetch(ctx, r.partition.topic, r.partition.partition, offset, r.view.source.cfg.Fetch)
	r.requested = err == nil
	return err
}

// accept makes an answer the present one, and asks for what is behind it. An answer with
// nothing behind the position says nothing of the log below the fence: a broker that
// throttles gives one, and one whose remote storage is slow. Where compaction took the last
// records before the fence, batches that lie behind it say so.
func (r *reader) accept(ctx context.Context, got fetchResponse) error {
	r.batches = got.batches
	r.filter = filter{aborted: got.aborted, open: r.filter.open[:0]}
	next := nextOffset(got.batches)
	switch {
	case next > r.at.offset:
	case r.at.offset >= r.fence:
		return nil
	case got.start > r.at.offset:
		return r.lostError(ctx)
	case !got.throttled:
		if err := r.findHole(ctx, false); err != nil {
			return err
		}
		fallthrough
	default:
		return &emptyError{partition: r.partition, position: r.at.offset, fence: r.fence, throttled: got.throttled}
	}
	if next < r.fence && !got.throttled {
		return r.request(ctx, next)
	}
	return nil
}

// nextOffset is the offset behind the last whole batch; 0 if there is none. Errors are left
// to who decodes it.
func nextOffset(batches []byte) int64 {
	next := int64(0)
	for len(batches) > 0 {
		b, rest, ok := peekBatch(batches)
		if !ok {
			break
		}
		next, batches = b, rest
	}
	return next
}

// lostError finds out what the log still has.
func (r *reader) lostError(ctx context.Context) error {
	c := r.view.source.cluster
	l, err := c.layout(ctx)
	if err != nil {
		return deletedTopic(err)
	}
	start, err := c.offsets(ctx, l, uncommitted, map[topicPartition]int64{r.partition: earliest})
	if err != nil {
		return err
	}
	end, err := c.offsets(ctx, l, uncommitted, map[topicPartition]int64{r.partition: latest})
	if err != nil {
		return err
	}
	if at := r.at.offset; at >= start[r.partition] && at <= end[r.partition] {
		if err := r.findHole(ctx, true); err != nil {
			return err
		}
		return kafkago.OffsetOutOfRange // no longer: a new leader
	}
	return &LostRecordsError{Topic: r.partition.topic, Partition: r.partition.partition, Position: r.at.offset, Start: start[r.partition], End: end[r.partition]}
}
