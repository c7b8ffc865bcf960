package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"humpty/sinks/elastic/transport"
)

const (
	firstPage   = 100                // documents, when their size is not known yet
	largestPage = 5000               // documents: a larger one is no quicker
	sheetBytes  = 4 << 20            // of memory for an answer, which grows if it must
	pageBytes   = sheetBytes * 7 / 8 // what a page should have, also of large documents
	pitLife     = "10m"              // renewed with each page
)

// sheet is one page and the answer that it is part of.
type sheet struct {
	page
	answer bytes.Buffer
}

func newSheet() *sheet {
	s := new(sheet)
	s.answer.Grow(sheetBytes) // at once: as it grows it would leave as much behind, and end with twice what it needs
	return s
}

// reader pages through a shard as it was when it was opened.
type reader struct {
	*index
	shard int
	pit   string // the JSON of its id
	after string // where the next page begins
	size  int    // documents of the next page
	done  bool
}

func (r *reader) open(ctx context.Context) error {
	var a map[string]json.RawMessage
	path := fmt.Sprintf("%s%s?keep_alive=%s&preference=_shards:%d", r.path, r.Product.PITPath, pitLife, r.shard)
	if err := r.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return r.Explain("open a point in time on index "+r.name, err)
	}
	if r.pit = string(a[r.Product.PITField]); r.pit == "" {
		return transport.Failedf("open a point in time on index %s: the answer has no id", r.name)
	}
	return nil
}

// read asks for the next page. Nothing changes, so what did not come whole is asked for
// again.
func (r *reader) read(ctx context.Context, into *sheet) error {
	query := fmt.Sprintf(`{"size":%d,"pit":{"id":%s,"keep_alive":%q},%s%s"sort":[%s],"version":true,"track_total_hits":false}`,
		r.size, r.pit, pitLife, r.after, r.Product.Vectors, r.Product.PITSort)
	err := r.pageOf(ctx, transport.Request{Method: http.MethodPost, Path: "/_search", Body: []byte(query), RetryFor: transport.DefaultRetry}, &into.answer, &into.page)
	if err != nil {
		return r.Explain(fmt.Sprintf("scan shard %d of index %s", r.shard, r.name), err)
	}
	if err := complete(into.docs); err != nil {
		return fmt.Errorf("scan of index %s: %w", r.name, err)
	}
	if into.pit != nil {
		r.pit = `"` + string(into.pit) + `"`
	}
	n := len(into.docs)
	if r.done = n < r.size; r.done {
		return nil
	}
	if into.after == nil {
		return transport.Failedf("scan of %s: the answer does not say where the next page begins", r.name)
	}
	r.after = `"search_after":` + string(into.after) + `,`
	r.size = min(max(pageBytes*n/into.answer.Len(), 10), largestPage)
	return nil
}

func (x *index) pageOf(ctx context.Context, r transport.Request, answer *bytes.Buffer, p *page) error {
	return x.Retry(ctx, r, answer, func(body []byte, _ http.Header) error {
		if err := p.parse(body); err != nil {
			return err
		}
		if p.partly {
			return &transport.ResponseError{Status: http.StatusServiceUnavailable, Type: "partial_answer", Reason: "a shard failed, or the search timed out: " + transport.Clip(body)}
		}
		return nil
	})
}

// close frees the point in time also when ctx has ended: it would hold segments. That it
// could not be freed is an error only where there is none before.
func (r *reader) close(ctx context.Context, strict bool) error {
	const quick = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quick)
	defer cancel()
	body := []byte(fmt.Sprintf(r.Product.PITDelete, r.pit))
	err := r.Call(ctx, transport.Request{Method: http.MethodDelete, Path: r.Product.PITPath, Body: body, RetryFor: quick}, nil)
	var no *transport.ResponseError
	if err == nil || !strict || errors.As(err, &no) && no.Status == http.StatusNotFound { // 404: it has expired
		return nil
	}
	return r.Explain("close the point in time on index "+r.name, err)
}
