package raw

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// ScanResult is what reading an index back took.
type ScanResult struct {
	Seconds   float64
	Documents int64
	Bytes     int64 // of the answers
}

// dialect is what the two products call things.
type dialect struct{ open, id, close, sort string }

// Scan reads all documents of an index through one point in time in so many slices at
// once, each in pages: the floor of a verification that looks at every document.
func Scan(ctx context.Context, search *Search, index string, opensearch bool, slices, page int) (ScanResult, error) {
	d := dialect{open: "/_pit", id: "id", close: `{"id":%s}`, sort: "_shard_doc"}
	if opensearch {
		d = dialect{open: "/_search/point_in_time", id: "pit_id", close: `{"pit_id":[%s]}`, sort: "_doc"}
	}
	start := time.Now()
	pit, err := openPIT(ctx, search, index, d)
	if err != nil {
		return ScanResult{}, fmt.Errorf("scan %s: %w", index, err)
	}
	defer func() {
		path := d.open
		_, _ = search.Call(context.WithoutCancel(ctx), http.MethodDelete, path, fmt.Appendf(nil, d.close, pit)) // it ends by itself
	}()
	var documents, size atomic.Int64
	group, reading := errgroup.WithContext(ctx)
	for part := range slices {
		group.Go(func() error {
			return scanSlice(reading, search, func(after []byte) []byte {
				return query(pit, part, slices, page, d.sort, after)
			}, func(hits, bytes int) { documents.Add(int64(hits)); size.Add(int64(bytes)) })
		})
	}
	if err := group.Wait(); err != nil {
		return ScanResult{}, fmt.Errorf("scan %s: %w", index, err)
	}
	return ScanResult{Seconds: time.Since(start).Seconds(), Documents: documents.Load(), Bytes: size.Load()}, nil
}

func openPIT(ctx context.Context, search *Search, index string, d dialect) (json.RawMessage, error) {
	answer, err := search.Call(ctx, http.MethodPost, "/"+index+d.open+"?keep_alive=5m", nil)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(answer, &fields); err != nil {
		return nil, fmt.Errorf("open a point in time: %w", err)
	}
	return fields[d.id], nil
}

func query(pit json.RawMessage, part, parts, page int, sort string, after []byte) []byte {
	q := fmt.Appendf(nil, `{"size":%d,"track_total_hits":false,"pit":{"id":%s,"keep_alive":"5m"},"sort":[%q]`, page, pit, sort)
	if parts > 1 {
		q = fmt.Appendf(q, `,"slice":{"id":%d,"max":%d}`, part, parts)
	}
	if after != nil {
		q = fmt.Appendf(q, `,"search_after":%s`, after)
	}
	return append(q, '}')
}

// scanSlice reads pages until one is empty. Answers are not decoded: hits are counted,
// and the last sort value is the next page's beginning.
func scanSlice(ctx context.Context, search *Search, query func(after []byte) []byte, tally func(hits, bytes int)) error {
	var answer bytes.Buffer
	var after []byte
	for {
		if err := search.call(ctx, http.MethodPost, "/_search", query(after), &answer); err != nil {
			return err
		}
		page := answer.Bytes()
		hits := bytes.Count(page, []byte(`"_index":`))
		if hits == 0 {
			return nil
		}
		tally(hits, len(page))
		last := bytes.LastIndex(page, []byte(`"sort":[`))
		if last < 0 {
			return fmt.Errorf("a page of %d hits has no sort values: %.300s", hits, page)
		}
		tail := page[last+len(`"sort":`):]
		after = bytes.Clone(tail[:bytes.IndexByte(tail, ']')+1])
	}
}
