package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"humpty/sinks"
)

const (
	pageDocuments = 2000
	pitLife       = "10m" // renewed with each page
)

// Scan reads slice part of the generation as of now, shard by shard.
func (x *index) Scan(ctx context.Context, part, parts int, fn func(docs []sinks.Document) error) error {
	if parts < 1 || part < 0 || part >= parts {
		return fmt.Errorf("scan of %s: there is no part %d of %d", x.name, part, parts)
	}
	if x.shards < 1 {
		return x.failed("scan of %s: the number of its shards is not known", x.name)
	}
	var p page
	for shard := range x.shards {
		slice := ""
		if x.shards%parts != 0 {
			slice = fmt.Sprintf(`"slice":{"field":"_seq_no","id":%d,"max":%d},`, part, parts)
		} else if shard%parts != part {
			continue
		}
		if err := x.scanShard(ctx, shard, slice, &p, fn); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) scanShard(ctx context.Context, shard int, slice string, p *page, fn func([]sinks.Document) error) (err error) {
	pit, err := x.openPIT(ctx, shard)
	if err != nil {
		return err
	}
	defer func() { err = x.closePIT(ctx, pit, err) }()
	var answer bytes.Buffer
	after := ""
	for {
		query := fmt.Sprintf(`{"size":%d,"pit":{"id":%s,"keep_alive":%q},%s%s%s"sort":[%s],"version":true,"track_total_hits":false}`,
			pageDocuments, pit, pitLife, slice, after, x.product.vectors, x.product.pitSort)
		if err := x.search(ctx, query, &answer, p); err != nil {
			return x.explain(fmt.Sprintf("scan shard %d of index %s", shard, x.name), err)
		}
		if p.pit != nil {
			pit = `"` + string(p.pit) + `"`
		}
		if err := complete(p.docs); err != nil {
			return fmt.Errorf("scan of index %s: %w", x.name, err)
		}
		if len(p.docs) > 0 {
			if err := fn(p.docs); err != nil {
				return err
			}
		}
		if len(p.docs) < pageDocuments {
			return nil
		}
		if p.after == nil {
			return x.failed("scan of %s: the answer does not say where the next page begins", x.name)
		}
		after = `"search_after":` + string(p.after) + `,`
	}
}

// search reads one page; nothing changes, so what did not come whole is asked for again.
func (x *index) search(ctx context.Context, query string, answer *bytes.Buffer, p *page) error {
	return x.pageOf(ctx, request{method: http.MethodPost, path: "/_search", body: []byte(query), patience: patient}, answer, p)
}

func (x *index) pageOf(ctx context.Context, r request, answer *bytes.Buffer, p *page) error {
	return x.retry(ctx, r, answer, func(body []byte, _ http.Header) error {
		if err := p.parse(body); err != nil {
			return err
		}
		if p.partly {
			return &refused{Status: http.StatusServiceUnavailable, Type: "partial_answer", Reason: "a shard failed, or the search timed out: " + clip(body)}
		}
		return nil
	})
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

func (x *index) openPIT(ctx context.Context, shard int) (string, error) {
	var a map[string]json.RawMessage
	path := fmt.Sprintf("%s%s?keep_alive=%s&preference=_shards:%d", x.path, x.product.pitPath, pitLife, shard)
	if err := x.call(ctx, request{method: http.MethodPost, path: path, patience: patient}, &a); err != nil {
		return "", x.explain("open a point in time on index "+x.name, err)
	}
	id := a[x.product.pitField]
	if len(id) == 0 {
		return "", x.failed("open a point in time on index %s: the answer has no id", x.name)
	}
	return string(id), nil
}

// closePIT frees the point in time also when ctx has ended: it would hold segments.
func (x *index) closePIT(ctx context.Context, pit string, err error) error {
	const quick = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quick)
	defer cancel()
	body := []byte(fmt.Sprintf(x.product.pitDelete, pit))
	closeErr := x.call(ctx, request{method: http.MethodDelete, path: x.product.pitPath, body: body, patience: quick}, nil)
	var no *refused
	if err == nil && closeErr != nil && !(errors.As(closeErr, &no) && no.Status == http.StatusNotFound) { // 404: it has expired
		return x.explain("close the point in time on index "+x.name, closeErr)
	}
	return err
}
