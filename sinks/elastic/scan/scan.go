package scan

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Reader reads documents of one index past its aliases.
type Reader struct {
	client *transport.Client
	name   string
	path   string // of its name
	shards int
}

// New makes a Reader of an index with that many shards.
func New(client *transport.Client, name string, shards int) *Reader {
	return &Reader{client: client, name: name, path: "/" + url.PathEscape(name), shards: shards}
}

// Scan reads the shards of a part. Shards are not divided: slices of a shard would each
// unpack all of its blocks (four slices of two shards read half as fast as two parts),
// and a document's shard, unlike its place in it, never changes.
func (r *Reader) Scan(ctx context.Context, part, parts int, fn func(docs []sinks.Document) error) error {
	if parts < 1 || part < 0 || part >= parts {
		return fmt.Errorf("scan of %s: there is no part %d of %d", r.name, part, parts)
	}
	if r.shards < 1 {
		return transport.Failedf("scan of %s: the number of its shards is not known", r.name)
	}
	now, next := newPageBuffer(), newPageBuffer()
	for shard := part; shard < r.shards; shard += parts {
		if err := r.scanShard(ctx, shard, now, next, fn); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// scanShard hands out one page while it reads the next.
func (r *Reader) scanShard(ctx context.Context, shard int, now, next *pageBuffer, fn func([]sinks.Document) error) (err error) {
	s := &shardReader{Reader: r, shard: shard, size: firstPage}
	if err := s.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx, err == nil)) }()
	if err := s.read(ctx, now); err != nil {
		return err
	}
	for {
		last := s.done
		if err := s.handOut(ctx, now, next, fn); err != nil || last {
			return err
		}
		now, next = next, now
	}
}

// CheckBodies makes sure that the bodies are there.
func CheckBodies(docs []sinks.Document) error {
	for i := range docs {
		if docs[i].Body == nil {
			return &transport.Error{
				Kind: transport.Definition, What: "document " + strconv.Quote(string(docs[i].ID)) + " has no _source, so that it cannot be compared",
				Remedy: "enable _source in the mappings, or verify with level count",
			}
		}
	}
	return nil
}
