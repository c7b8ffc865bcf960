package elastic

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Scan reads the shards of a part. Shards are not divided: slices of a shard would each
// unpack all of its blocks (four slices of two shards read half as fast as two parts),
// and a document's shard, unlike its place in it, never changes.
func (x *index) Scan(ctx context.Context, part, parts int, fn func(docs []sinks.Document) error) error {
	if parts < 1 || part < 0 || part >= parts {
		return fmt.Errorf("scan of %s: there is no part %d of %d", x.name, part, parts)
	}
	if x.shards < 1 {
		return transport.Failedf("scan of %s: the number of its shards is not known", x.name)
	}
	now, next := newSheet(), newSheet()
	for shard := part; shard < x.shards; shard += parts {
		if err := x.scanShard(ctx, shard, now, next, fn); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// scanShard hands out one page while it reads the next.
func (x *index) scanShard(ctx context.Context, shard int, now, next *sheet, fn func([]sinks.Document) error) (err error) {
	r := &reader{index: x, shard: shard, size: firstPage}
	if err := r.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close(ctx, err == nil)) }()
	if err := r.read(ctx, now); err != nil {
		return err
	}
	for {
		last := r.done
		if err := r.handOut(ctx, now, next, fn); err != nil || last {
			return err
		}
		now, next = next, now
	}
}

// handOut calls fn with a page, and meanwhile reads the next one if there is one.
func (r *reader) handOut(ctx context.Context, now, next *sheet, fn func([]sinks.Document) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	if !r.done {
		group.Go(func() error { return r.read(reading, next) })
	}
	if len(now.docs) > 0 {
		if err := fn(now.docs); err != nil {
			stop()
			_ = group.Wait() // what was read ahead is of no use any more
			return err
		}
	}
	return group.Wait()
}

// complete makes sure that the bodies are there.
func complete(docs []sinks.Document) error {
	for i := range docs {
		if docs[i].Body == nil {
			return &Error{
				Kind: Definition, What: "document " + strconv.Quote(string(docs[i].ID)) + " has no _source, so that it cannot be compared",
				Remedy: "enable _source in the mappings, or verify with level count",
			}
		}
	}
	return nil
}
