package elastic

import (
	"context"
	"net/http"
	"net/url"

	"humpty/sinks"
)

var _ sinks.Blocker = (*Target)(nil)

// Block refuses writes to an index, whoever made it. The block is set by the API that
// returns only when the writes under way have ended; a setting alone does not wait.
func (t *Target) Block(ctx context.Context, index string) error {
	if err := t.CheckIdentity(ctx); err != nil {
		return err
	}
	err := t.MustAck(ctx, http.MethodPut, "/"+url.PathEscape(index)+"/_block/write", nil)
	return t.Explain("block writes to index "+index, err)
}

// Unblock allows writes again.
func (t *Target) Unblock(ctx context.Context, index string) error {
	err := t.Change(ctx, http.MethodPut, "/"+url.PathEscape(index)+"/_settings", []byte(`{"index.blocks.write":null}`))
	return t.Explain("allow writes to index "+index+" again", err)
}
