package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

const (
	firstPage   = 100                 // documents, when their size is not known yet
	largestPage = 5000                // documents: a larger one is no quicker
	bufferBytes = 4 << 20             // of memory for an answer, which grows if it must
	pageBytes   = bufferBytes * 7 / 8 // what a page should have, also of large documents
	pitLife     = "10m"               // renewed with each page
)

// pageBuffer is one page and the answer that it is part of.
type pageBuffer struct {
	page
	answer bytes.Buffer
}

func newPageBuffer() *pageBuffer {
	b := new(pageBuffer)
	b.answer.Grow(bufferBytes) // at once: as it grows it would leave as much behind, and end with twice what it needs
	return b
}

// shardReader pages through a shard as it was when it was opened.
type shardReader struct {
	*Reader
	shard int
	pit   string // the JSON of its id
	after string // where the next page begins
	size  int    // documents of the next page
	done  bool
}

func (s *shardReader) open(ctx context.Context) error {
	var a map[string]json.RawMessage
	path := fmt.Sprintf("%s%s?keep_alive=%s&preference=_shards:%d", s.path, s.client.Product.PITPath, pitLife, s.shard)
	if err := s.client.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return s.client.Explain("open a point in time on index "+s.name, err)
	}
	if s.pit = string(a[s.client.Product.PITField]); s.pit == "" {
		return transport.Failedf("open a point in time on index %s: the answer has no id", s.name)
	}
	return nil
}

// read asks for the next page. Nothing changes, so what did not come whole is asked for
// again.
func (s *shardReader) read(ctx context.Context, into *pageBuffer) error {
	query := fmt.Sprintf(`{"size":%d,"pit":{"id":%s,"keep_alive":%q},%s%s"sort":[%s],"version":true,"track_total_hits":false}`,
		s.size, s.pit, pitLife, s.after, s.client.Product.Vectors, s.client.Product.PITSort)
	err := s.pageOf(ctx, transport.Request{Method: http.MethodPost, Path: "/_search", Body: []byte(query), RetryFor: transport.DefaultRetry}, &into.answer, &into.page)
	if err != nil {
		return s.client.Explain(fmt.Sprintf("scan shard %d of index %s", s.shard, s.name), err)
	}
	if err := CheckBodies(into.docs); err != nil {
		return fmt.Errorf("scan of index %s: %w", s.name, err)
	}
	if into.pit != nil {
		s.pit = `"` + string(into.pit) + `"`
	}
	n := len(into.docs)
	if err := noMore(into.docs, s.size, "scan of index "+s.name); err != nil {
		return err
	}
	if s.done = n < s.size; s.done {
		return nil
	}
	if into.after == nil {
		return transport.Failedf("scan of %s: the answer does not say where the next page begins", s.name)
	}
	before := s.after
	if s.after = `"search_after":` + string(into.after) + `,`; s.after == before {
		return transport.Failedf("scan of index %s: the page with document %q ends where the one before it did", s.name, into.docs[n-1].ID)
	}
	s.size = min(max(pageBytes*n/into.answer.Len(), 10), largestPage)
	return nil
}

// handOut calls fn with a page, and meanwhile reads the next one if there is one.
func (s *shardReader) handOut(ctx context.Context, now, next *pageBuffer, fn func([]sinks.Document) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	if !s.done {
		group.Go(func() error { return s.read(reading, next) })
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

// close frees the point in time also when ctx has ended: it would hold segments. That it
// could not be freed is an error only where there is none before.
func (s *shardReader) close(ctx context.Context, strict bool) error {
	const quick = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quick)
	defer cancel()
	body := []byte(fmt.Sprintf(s.client.Product.PITDelete, s.pit))
	err := s.client.Call(ctx, transport.Request{Method: http.MethodDelete, Path: s.client.Product.PITPath, Body: body, RetryFor: quick}, nil)
	var no *transport.ResponseError
	if err == nil || !strict || errors.As(err, &no) && no.Status == http.StatusNotFound { // 404: it has expired
		return nil
	}
	return s.client.Explain("close the point in time on index "+s.name, err)
}
