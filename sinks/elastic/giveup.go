package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// undecided counts the documents without a verdict.
func (w *batch) undecided() int {
	n := 0
	for i := range w.verdicts {
		if w.verdicts[i].Outcome == sinks.Undecided {
			n++
		}
	}
	return n
}

func (w *batch) stopped(err error) error {
	return fmt.Errorf("write to index %s: %d documents are without a verdict and may still be written: %w", w.name, w.undecided(), err)
}

// hopeless is the error of a Write that will not succeed by waiting.
func (w *batch) hopeless(why error) error {
	what := fmt.Sprintf("write to index %s: %d documents are without a verdict", w.name, w.undecided())
	var known *Error
	if errors.As(why, &known) {
		return &Error{Kind: known.Kind, What: what, Err: known}
	}
	var no *transport.ResponseError
	if !errors.As(why, &no) {
		return &Error{Kind: Failed, What: what, Err: why, Remedy: "a proxy between humpty and the cluster may answer in its place: use the address of a node"}
	}
	e := &Error{Kind: Failed, What: what, Err: why}
	switch {
	case no.Type == transport.BlockException && no.Status == http.StatusTooManyRequests:
		e.Remedy = "a node's disk is above the flood-stage watermark: free space or add a node; the block goes by itself then.\n" +
			"On older servers: PUT /" + w.name + "/_settings {\"index.blocks.read_only_allow_delete\": null}"
	case no.Type == transport.BlockException:
		e.Remedy = "somebody has set a block; take it away: PUT /" + w.name + "/_settings {\"index.blocks.write\": null, \"index.blocks.read_only\": null}"
	case no.Type == closedType:
		e.Remedy = "somebody has closed the index: POST /" + w.name + "/_open"
	case no.Status == http.StatusUnauthorized, no.Status == http.StatusForbidden:
		var of *Error
		if errors.As(w.Explain(what, no), &of) {
			return of
		}
	}
	return e
}

// rejoin finds out why the alias that is written through is missing. Only if the index
// is still the one that was opened the alias is put back.
func (w *batch) rejoin(ctx context.Context) error {
	all, err := w.look(ctx, w.path[1:])
	if err != nil {
		return err
	}
	f, ok := all[w.name]
	switch {
	case !ok:
		return &Error{
			Kind: Failed, What: fmt.Sprintf("index %s was deleted while it was written (%d documents of the batch are without a verdict)", w.name, w.undecided()),
			Remedy: "find out who deletes indices, then begin a new rebuild; the alias is as it was",
		}
	case f.setting("index.uuid") != w.uuid:
		return &Error{
			Kind: Failed, What: fmt.Sprintf("index %s was deleted and made again by somebody else while it was written", w.name),
			Remedy: "delete that index and begin a new rebuild; the alias is as it was",
		}
	}
	return w.joinLoadAlias(ctx)
}

func (x *index) joinLoadAlias(ctx context.Context) error {
	add := map[string]any{"index": x.name, "alias": x.name + loadSuffix, "is_hidden": true}
	body, err := json.Marshal(map[string]any{"actions": []any{map[string]any{"add": add}}})
	if err != nil {
		return err
	}
	if err := x.Change(ctx, http.MethodPost, "/_aliases", body); err != nil {
		return x.Explain("put back alias "+x.name+loadSuffix, err)
	}
	return nil
}
