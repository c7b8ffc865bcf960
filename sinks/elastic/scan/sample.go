package scan

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"humpty/sinks"
	"humpty/sinks/elastic/answer"
	"humpty/sinks/elastic/transport"
)

// Sample reads the documents that a random score, which follows from the seed, puts first.
func (r *Reader) Sample(ctx context.Context, n int, seed uint64, fn func(docs []sinks.Document) error) error {
	var buffer bytes.Buffer
	var p page
	const largest = 5000 // well below index.max_result_window
	after := ""
	for n > 0 {
		size := min(n, largest)
		query := fmt.Sprintf(`{"size":%d,"_source":false,"track_total_hits":false,%s"sort":[{"_score":"desc"},{"_seq_no":"asc"}],`+
			`"query":{"function_score":{"query":{"match_all":{}},"random_score":{"seed":%d,"field":"_seq_no"},"boost_mode":"replace"}}}`,
			size, after, seed>>1)
		search := transport.Request{Method: http.MethodPost, Path: r.path + "/_search", Body: []byte(query), RetryFor: transport.DefaultRetry}
		if err := r.pageOf(ctx, search, &buffer, &p); err != nil {
			return r.client.Explain("take a sample of index "+r.name, err)
		}
		if err := noMore(p.docs, size, "take a sample of index "+r.name); err != nil {
			return err
		}
		if err := fn(p.docs); err != nil {
			return err
		}
		if len(p.docs) < size || p.after == nil {
			return nil
		}
		n -= len(p.docs)
		after = `"search_after":` + string(p.after) + `,`
	}
	return nil
}

// Versions reads the versions of up to n documents that were written last, and of random ones.
func (r *Reader) Versions(ctx context.Context, n int, fn func(docs []sinks.Document) error) error {
	for _, which := range []string{
		`"sort":[{"_seq_no":"desc"}]`,
		`"query":{"function_score":{"query":{"match_all":{}},"random_score":{"seed":1,"field":"_seq_no"},"boost_mode":"replace"}}`,
	} {
		var buffer bytes.Buffer
		var p page
		query := fmt.Sprintf(`{"size":%d,"version":true,"_source":false,"track_total_hits":false,%s}`, n, which)
		search := transport.Request{Method: http.MethodPost, Path: r.path + "/_search", Body: []byte(query), RetryFor: transport.DefaultRetry}
		if err := r.pageOf(ctx, search, &buffer, &p); err != nil {
			return r.client.Explain("look at versions in index "+r.name, err)
		}
		if err := noMore(p.docs, n, "look at versions in index "+r.name); err != nil {
			return err
		}
		if err := fn(p.docs); err != nil {
			return err
		}
	}
	return nil
}

// noMore refuses an answer with more documents than were asked for.
func noMore(docs []sinks.Document, asked int, what string) error {
	if len(docs) <= asked {
		return nil
	}
	return transport.Failedf("%s: the answer has %d documents where %d were asked for, document %q is the first too many", what, len(docs), asked, docs[asked].ID)
}

func (r *Reader) pageOf(ctx context.Context, req transport.Request, into *bytes.Buffer, p *page) error {
	req.Most = answer.Documents
	return r.client.Retry(ctx, req, into, func(body []byte, _ http.Header) error {
		if err := p.parse(body); err != nil {
			return err
		}
		if p.partial {
			return &transport.ResponseError{Status: http.StatusServiceUnavailable, Type: "partial_answer", Reason: "a shard failed, or the search timed out: " + transport.Clip(body)}
		}
		return nil
	})
}
