package bulk

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	"humpty/sinks"
	"humpty/sinks/elastic/answer"
	"humpty/sinks/elastic/transport"
)

// attempt is one bulk request and its answer; its buffers are used again.
type attempt struct {
	body        []byte
	compressed  bytes.Buffer // the body compressed
	compressor  *gzip.Writer
	docs        []int // positions of the documents in the batch, in the order sent
	answer      bytes.Buffer
	items       []item
	openReaders atomic.Int32 // readers of the body that the transport has not closed yet
	alias       string       // that it was sent through
	conditions  []string     // of an WriteIf, one for each document of the batch
}

// fill takes undecided documents from the batch, beginning at from, until the body has
// limit bytes or most documents. What cannot be sent at all is rejected on the way.
func (a *attempt) fill(docs []sinks.Document, verdicts []sinks.Verdict, from, limit, most int) {
	a.body, a.docs = a.body[:0], a.docs[:0]
	for i := from; i < len(docs) && len(a.docs) < most; i++ {
		if verdicts[i].Outcome != sinks.Undecided {
			continue
		}
		d := &docs[i]
		if kind, reason := invalid(d); kind != "" {
			verdicts[i] = sinks.Verdict{Outcome: sinks.Rejected, Type: kind, Reason: reason}
			continue
		}
		size := len(d.ID) + len(d.Routing) + len(d.Body) + overhead
		if len(a.docs) > 0 && len(a.body)+size > limit {
			return
		}
		if a.conditions != nil {
			a.body = appendConditional(a.body, d, a.conditions[i])
		} else {
			a.body = appendDocument(a.body, d)
		}
		a.docs = append(a.docs, i)
	}
}

// reusable tells whether nobody reads the body any more: a transport may do so for a
// moment after the answer is there.
func (a *attempt) reusable() bool { return a.openReaders.Load() == 0 }

// payload is the body as the transport reads it.
type payload struct {
	bytes.Reader
	open   *atomic.Int32
	closed bool
}

func (p *payload) Close() error {
	if !p.closed {
		p.closed = true
		p.open.Add(-1)
	}
	return nil
}

func (a *attempt) reader(body []byte) io.ReadCloser {
	p := &payload{open: &a.openReaders}
	p.Reset(body)
	a.openReaders.Add(1)
	return p
}

// send posts the body and reads the answer whole. An answer that is not 2xx is *ResponseError;
// any other error leaves open whether the request took effect.
func (a *attempt) send(ctx context.Context, w *Writer) error {
	body, err := a.encode(w.cfg.Gzip)
	if err != nil {
		return err
	}
	ctx, cancel := w.client.WithTimeout(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/"+url.PathEscape(a.alias)+w.query, a.reader(body))
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return a.reader(body), nil }
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("X-Opaque-Id", *w.tag.Load())
	if w.cfg.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := w.client.Perform(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := answer.Read(&a.answer, res, answer.OfBulk(len(a.docs))); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return transport.NewResponseError(res.StatusCode, a.answer.Bytes())
	}
	return nil
}

func (a *attempt) encode(compress bool) ([]byte, error) {
	if !compress {
		return a.body, nil
	}
	a.compressed.Reset()
	if a.compressor == nil {
		a.compressor, _ = gzip.NewWriterLevel(&a.compressed, gzip.BestSpeed) // the level is valid
	} else {
		a.compressor.Reset(&a.compressed)
	}
	if _, err := a.compressor.Write(a.body); err != nil {
		return nil, err
	}
	if err := a.compressor.Close(); err != nil {
		return nil, err
	}
	return a.compressed.Bytes(), nil
}
