package events

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// FetchResult is what reading the topic took.
type FetchResult struct {
	Seconds float64
	Events  int64
	Bytes   int64 // of values
}

// Fetch reads all partitions at once, values into one buffer each, and looks at nothing.
// Connecting is not part of the time. Transactions are not looked at either: it is a
// bound, not a reader.
func (t Topic) Fetch(ctx context.Context) (f FetchResult, err error) {
	var conns [Partitions]*kafka.Conn
	var ends [Partitions]int64
	for p := range conns {
		if conns[p], err = t.leader(ctx, p); err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, conns[p].Close()) }()
		if ends[p], err = conns[p].ReadLastOffset(); err != nil {
			return f, fmt.Errorf("the end of partition %d: %w", p, err)
		}
	}
	var events, size atomic.Int64
	start := time.Now()
	group, reading := errgroup.WithContext(ctx)
	for p, conn := range conns {
		group.Go(func() error {
			n, bytes, err := drain(reading, conn, ends[p])
			events.Add(n)
			size.Add(bytes)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return f, fmt.Errorf("fetch topic %s: %w", t.Name, err)
	}
	f = FetchResult{Seconds: time.Since(start).Seconds(), Events: events.Load(), Bytes: size.Load()}
	if f.Events != int64(t.Events) {
		return f, fmt.Errorf("topic %s gave %d events, not %d: the measurement is worth nothing", t.Name, f.Events, t.Events)
	}
	return f, nil
}

func drain(ctx context.Context, conn *kafka.Conn, end int64) (events, size int64, err error) {
	value := make([]byte, 64<<10)
	for next := int64(0); next < end; {
		if ctx.Err() != nil {
			return events, size, ctx.Err()
		}
		if next, err = conn.Seek(next, kafka.SeekAbsolute|kafka.SeekDontCheck); err != nil {
			return events, size, err
		}
		batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 8 << 20, MaxWait: time.Second})
		for {
			n, err := batch.Read(value)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					return events, size, errors.Join(err, batch.Close())
				}
				break
			}
			if behind := batch.Offset(); behind > next { // else the broker's batch began before what was asked for
				events++
				size += int64(n)
				next = behind
			}
		}
		if err := batch.Close(); err != nil && !errors.Is(err, io.EOF) {
			return events, size, err
		}
	}
	return events, size, nil
}
