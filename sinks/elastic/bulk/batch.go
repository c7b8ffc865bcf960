package bulk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/answer"
	"humpty/sinks/elastic/transport"
)

// batch is one Write under way.
type batch struct {
	*Writer
	*attempt
	docs     []sinks.Document
	verdicts []sinks.Verdict
	receipt  sinks.Receipt

	firstOpen    int // all before it are decided
	maxDocs      int // in the next request
	backoff      transport.Backoff
	boundedSince time.Time // since when there were only answers that are not waited for without end
}

// errNoAlias is the cause of a write for which no writer has begun, or whose writer has ended.
var errNoAlias = errors.New("there is no alias to write through")

// result is what came of one request.
type result struct {
	rule        rule // the gravest
	cause       error
	verdicts    int
	throttled   bool
	unavailable bool // no server answered, or a proxy in its place
}

func (b *batch) write(ctx context.Context) error {
	for {
		for b.firstOpen < len(b.docs) && b.verdicts[b.firstOpen].Outcome != sinks.Undecided {
			b.firstOpen++
		}
		if b.firstOpen == len(b.docs) {
			return nil
		}
		if ctx.Err() != nil {
			return b.interrupted(ctx.Err())
		}
		b.fill(b.docs, b.verdicts, b.firstOpen, int(b.bodyLimit.Load()), b.maxDocs)
		if len(b.attempt.docs) == 0 {
			continue
		}
		r := b.request(ctx)
		if r.rule == decided {
			b.maxDocs, b.backoff, b.boundedSince = math.MaxInt, transport.Backoff{}, time.Time{}
			b.gate.answered()
			continue
		}
		if ctx.Err() != nil {
			return b.interrupted(ctx.Err())
		}
		b.receipt.Retries++
		if r.throttled {
			b.receipt.Throttled++
			b.throttled.Add(1)
		}
		if err := b.handle(ctx, r); err != nil {
			return err
		}
	}
}

// request makes one attempt and books its verdicts.
func (b *batch) request(ctx context.Context) result {
	b.receipt.Requests++
	b.receipt.Bytes += int64(len(b.body))
	if b.alias = b.cfg.Alias(); b.alias == "" {
		return result{rule: indexMissing, cause: errNoAlias}
	}
	err := b.send(ctx, b.Writer)
	var no *transport.ResponseError
	if errors.As(err, &no) {
		r := result{rule: judgeRequest(no), cause: no, throttled: no.Status == http.StatusTooManyRequests}
		r.unavailable = r.rule == retry && !r.throttled
		return r
	}
	var endless *answer.Endless
	if errors.As(err, &endless) {
		return result{rule: fatal, cause: endless}
	}
	if err != nil {
		return result{rule: retry, cause: err, unavailable: true}
	}
	b.items, err = parseAnswer(b.answer.Bytes(), len(b.attempt.docs), b.items)
	if err != nil {
		return result{rule: retryBounded, cause: err}
	}
	var r result
	for i, it := range b.items {
		at := b.attempt.docs[i]
		rule, verdict := it.judge(b.docs[at].Body == nil)
		if rule == decided {
			r.verdicts++
			b.verdicts[at] = sinks.Verdict{Outcome: verdict, Status: it.status}
			if verdict == sinks.Rejected {
				b.verdicts[at].Type, b.verdicts[at].Reason = transport.Causes(it.fault)
			}
			continue
		}
		r.throttled = r.throttled || it.status == http.StatusTooManyRequests && rule == retry
		if rule > r.rule {
			r.rule = rule
			kind, reason := transport.Causes(it.fault)
			r.cause = &transport.ResponseError{Status: it.status, Type: kind, Reason: reason}
		}
	}
	return r
}

// handle does what the rule says: nil to send again what is undecided.
func (b *batch) handle(ctx context.Context, r result) error {
	if r.verdicts > 0 {
		b.backoff, b.boundedSince = transport.Backoff{}, time.Time{}
	}
	switch r.rule {
	case split:
		b.divide(r.cause)
		return nil
	case fatal:
		return b.unrecoverable(r.cause)
	case indexMissing:
		if err := b.cfg.Missing(ctx, b.alias, b.undecided()); err != nil {
			return err
		}
		if err := b.bounded(r.cause); err != nil {
			return err
		}
	case retryBounded:
		if err := b.bounded(r.cause); err != nil {
			return err
		}
	default:
		b.boundedSince = time.Time{}
		if !r.throttled && b.backoff.Tries > 0 && time.Since(b.backoff.Since) > b.cfg.UnassignedTimeout {
			if err := b.cfg.Unassigned(ctx, b.backoff.Since); err != nil {
				return b.unrecoverable(err)
			}
		}
	}
	d := b.backoff.Next()
	if d >= time.Second {
		b.cfg.Waiting(fmt.Sprintf("index %s does not take documents (for %s): %v", b.cfg.Index, time.Since(b.backoff.Since).Round(time.Second), r.cause))
	}
	pause := transport.Wait
	if r.unavailable {
		pause = b.gate.wait
	}
	if err := pause(ctx, d); err != nil {
		return b.interrupted(err)
	}
	return nil
}

// bounded is an error if there were only answers for too long that are not waited for without end.
func (b *batch) bounded(cause error) error {
	if b.boundedSince.IsZero() {
		b.boundedSince = time.Now()
	}
	if lasted := time.Since(b.boundedSince); lasted > b.cfg.RetryBound {
		return b.unrecoverable(fmt.Errorf("for %s: %w", lasted.Round(time.Second), cause))
	}
	return nil
}

// divide halves the next request; a document that is refused alone is rejected.
func (b *batch) divide(why error) {
	var no *transport.ResponseError
	errors.As(why, &no)
	sent := b.attempt.docs
	if len(sent) > 1 {
		if no.Status == http.StatusRequestEntityTooLarge {
			b.bodyLimit.Store(max(int64(len(b.body)/2), 1)) // the next batches know it
			return
		}
		b.maxDocs = len(sent) / 2
		return
	}
	v := sinks.Verdict{Outcome: sinks.Rejected, Status: no.Status, Type: no.Type, Reason: no.Reason}
	if v.Type == "" {
		v.Type = "request_entity_too_large"
		v.Reason = fmt.Sprintf("one request with this document alone, %d bytes, is more than the target takes (http.max_content_length, or a proxy's limit): %s", len(b.body), no.Reason)
	}
	b.verdicts[sent[0]] = v
	b.maxDocs = math.MaxInt
}

// undecided counts the documents without a verdict.
func (b *batch) undecided() int {
	n := 0
	for i := range b.verdicts {
		if b.verdicts[i].Outcome == sinks.Undecided {
			n++
		}
	}
	return n
}

func (b *batch) interrupted(err error) error {
	return fmt.Errorf("write to index %s: %d documents are without a verdict and may still be written: %w", b.cfg.Index, b.undecided(), err)
}

// unrecoverable is the error of a Write that will not succeed by waiting.
func (b *batch) unrecoverable(why error) error {
	what := fmt.Sprintf("write to index %s: %d documents are without a verdict", b.cfg.Index, b.undecided())
	var known *transport.Error
	if errors.As(why, &known) {
		return &transport.Error{Kind: known.Kind, What: what, Err: known}
	}
	var no *transport.ResponseError
	if !errors.As(why, &no) {
		return &transport.Error{Kind: transport.Failed, What: what, Err: why, Remedy: "a proxy between humpty and the cluster may answer in its place: use the address of a node"}
	}
	e := &transport.Error{Kind: transport.Failed, What: what, Err: why}
	switch {
	case no.Type == transport.BlockException && no.Status == http.StatusTooManyRequests:
		e.Remedy = "a node's disk is above the flood-stage watermark: free space or add a node; the block goes by itself then.\n" +
			"On older servers: PUT /" + b.cfg.Index + "/_settings {\"index.blocks.read_only_allow_delete\": null}"
	case no.Type == transport.BlockException:
		e.Remedy = "somebody has set a block; take it away: PUT /" + b.cfg.Index + "/_settings {\"index.blocks.write\": null, \"index.blocks.read_only\": null}"
	case no.Type == indexClosedException:
		e.Remedy = "somebody has closed the index: POST /" + b.cfg.Index + "/_open"
	case no.Status == http.StatusUnauthorized, no.Status == http.StatusForbidden:
		var of *transport.Error
		if errors.As(b.client.Explain(what, no), &of) {
			return of
		}
	}
	return e
}
