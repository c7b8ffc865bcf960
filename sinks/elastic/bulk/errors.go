package bulk

import (
	"errors"
	"fmt"
	"net/http"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

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
