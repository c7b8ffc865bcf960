package elastic

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Write sends docs until each has its verdict; see sinks.Sink. Errors are *Error, or
// the context's.
func (x *index) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	start := time.Now()
	clear(verdicts)
	w := &batch{index: x, attempt: x.attempts.Get().(*attempt), docs: docs, verdicts: verdicts, most: math.MaxInt}
	err := w.write(ctx)
	if w.reusable() {
		x.attempts.Put(w.attempt)
	}
	w.receipt.Took = time.Since(start)
	return w.receipt, err
}

// batch is one Write under way.
type batch struct {
	*index
	*attempt
	docs     []sinks.Document
	verdicts []sinks.Verdict
	receipt  sinks.Receipt

	from  int // all before it are decided
	most  int // documents in the next request
	pause transport.Backoff
	stuck time.Time // since when there were only stubborn answers
}

// outcome is what came of one request.
type outcome struct {
	rule      rule // the gravest
	why       error
	verdicts  int
	throttled bool
	away      bool // nobody answered, or somebody in the server's place
}

func (w *batch) write(ctx context.Context) error {
	for {
		for w.from < len(w.docs) && w.verdicts[w.from].Outcome != sinks.Undecided {
			w.from++
		}
		if w.from == len(w.docs) {
			return nil
		}
		if ctx.Err() != nil {
			return w.stopped(ctx.Err())
		}
		w.fill(w.docs, w.verdicts, w.from, int(w.limit.Load()), w.most)
		if len(w.attempt.docs) == 0 {
			continue
		}
		o := w.request(ctx)
		if o.rule == decided {
			w.most, w.pause, w.stuck = math.MaxInt, transport.Backoff{}, time.Time{}
			w.revival.answered()
			continue
		}
		if ctx.Err() != nil {
			return w.stopped(ctx.Err())
		}
		w.receipt.Retries++
		if o.throttled {
			w.receipt.Throttled++
			w.full.Add(1)
		}
		if err := w.follow(ctx, o); err != nil {
			return err
		}
	}
}

// request makes one attempt and books its verdicts.
func (w *batch) request(ctx context.Context) outcome {
	w.receipt.Requests++
	w.receipt.Bytes += int64(len(w.body))
	err := w.send(ctx, w.index)
	var no *transport.ResponseError
	if errors.As(err, &no) {
		o := outcome{rule: judgeRequest(no), why: no, throttled: no.Status == http.StatusTooManyRequests}
		o.away = o.rule == again && !o.throttled
		return o
	}
	if err != nil {
		return outcome{rule: again, why: err, away: true}
	}
	w.items, err = parseBulk(w.answer.Bytes(), len(w.attempt.docs), w.items)
	if err != nil {
		return outcome{rule: stubborn, why: err}
	}
	var o outcome
	for i, it := range w.items {
		at := w.attempt.docs[i]
		rule, verdict := it.judge(w.docs[at].Body == nil)
		if rule == decided {
			o.verdicts++
			w.verdicts[at] = sinks.Verdict{Outcome: verdict, Status: it.status}
			if verdict == sinks.Rejected {
				w.verdicts[at].Type, w.verdicts[at].Reason = transport.Causes(it.fault)
			}
			continue
		}
		o.throttled = o.throttled || it.status == http.StatusTooManyRequests && rule == again
		if rule > o.rule {
			o.rule = rule
			kind, reason := transport.Causes(it.fault)
			o.why = &transport.ResponseError{Status: it.status, Type: kind, Reason: reason}
		}
	}
	return o
}

// follow does what the rule says: nil to send again what is undecided.
func (w *batch) follow(ctx context.Context, o outcome) error {
	if o.verdicts > 0 {
		w.pause, w.stuck = transport.Backoff{}, time.Time{}
	}
	switch o.rule {
	case split:
		w.divide(o.why)
		return nil
	case fatal:
		return w.hopeless(o.why)
	case gone:
		if err := w.rejoin(ctx); err != nil {
			return err
		}
	case stubborn:
		if w.stuck.IsZero() {
			w.stuck = time.Now()
		}
		if lasted := time.Since(w.stuck); lasted > w.cfg.RetryBound {
			return w.hopeless(fmt.Errorf("for %s: %w", lasted.Round(time.Second), o.why))
		}
	default:
		w.stuck = time.Time{}
		if !o.throttled && w.pause.Tries > 0 && time.Since(w.pause.Since) > w.cfg.UnassignedTimeout {
			if err := w.nodeless(ctx, w.pause.Since); err != nil {
				return w.hopeless(err)
			}
		}
	}
	d := w.pause.Next()
	if d >= time.Second {
		w.cfg.Waiting(fmt.Sprintf("index %s does not take documents (for %s): %v", w.name, time.Since(w.pause.Since).Round(time.Second), o.why))
	}
	pause := transport.Wait
	if o.away {
		pause = w.revival.wait
	}
	if err := pause(ctx, d); err != nil {
		return w.stopped(err)
	}
	return nil
}

// divide halves the next request; a document that is refused alone is rejected.
func (w *batch) divide(why error) {
	var no *transport.ResponseError
	errors.As(why, &no)
	sent := w.attempt.docs
	if len(sent) > 1 {
		if no.Status == http.StatusRequestEntityTooLarge {
			w.limit.Store(max(int64(len(w.body)/2), 1)) // the next batches know it
			return
		}
		w.most = len(sent) / 2
		return
	}
	v := sinks.Verdict{Outcome: sinks.Rejected, Status: no.Status, Type: no.Type, Reason: no.Reason}
	if v.Type == "" {
		v.Type = "request_entity_too_large"
		v.Reason = fmt.Sprintf("one request with this document alone, %d bytes, is more than the target takes (http.max_content_length, or a proxy's limit): %s", len(w.body), no.Reason)
	}
	w.verdicts[sent[0]] = v
	w.most = math.MaxInt
}
