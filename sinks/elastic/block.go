package elastic

import (
	"context"
	"net/http"
	"net/url"
)

// writeBlocks keep others from writing to an index.
type writeBlocks struct{ *cluster }

// Block refuses writes to an index, whoever made it. The block is set by the API that
// returns only when the writes under way have ended; a setting alone does not wait.
func (b writeBlocks) Block(ctx context.Context, index string) error {
	if err := b.CheckIdentity(ctx); err != nil {
		return err
	}
	err := b.MustAck(ctx, http.MethodPut, "/"+url.PathEscape(index)+"/_block/write", nil)
	return b.Explain("block writes to index "+index, err)
}

// Unblock allows writes again.
func (b writeBlocks) Unblock(ctx context.Context, index string) error {
	err := b.Change(ctx, http.MethodPut, "/"+url.PathEscape(index)+"/_settings", []byte(`{"index.blocks.write":null}`))
	return b.Explain("allow writes to index "+index+" again", err)
}
