package postgres

import (
	"context"

	"humpty/sources"
)

// switchingView is a view whose reads are of one exported snapshot until documents are read
// again: from then on they are as they are at each read, and nothing is held any more.
type switchingView struct {
	view *view
	open func(context.Context) (*view, error) // as it is at each read

	switching chan struct{} // holds one while it is changed
	live      *view         // nil: still of the snapshot
}

var _ sources.Expander = (*switchingView)(nil)

func newSwitchingView(v *view, open func(context.Context) (*view, error)) *switchingView {
	return &switchingView{view: v, open: open, switching: make(chan struct{}, 1)}
}

func (c *switchingView) switchToLive(ctx context.Context) (*view, error) {
	select {
	case c.switching <- struct{}{}:
		defer func() { <-c.switching }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if c.live != nil {
		return c.live, nil
	}
	if err := c.view.Close(ctx); err != nil {
		return nil, err
	}
	var err error
	c.live, err = c.open(ctx)
	return c.live, err
}

func (c *switchingView) current() *view {
	c.switching <- struct{}{}
	defer func() { <-c.switching }()
	if c.live != nil {
		return c.live
	}
	return c.view
}

func (c *switchingView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	return c.current().Read(ctx, p, from)
}

func (c *switchingView) Count(ctx context.Context) (int64, error) { return c.current().Count(ctx) }

func (c *switchingView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	v, err := c.switchToLive(ctx)
	if err != nil {
		return err
	}
	return v.Lookup(ctx, keys, b)
}

func (c *switchingView) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	v, err := c.switchToLive(ctx)
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	return v.Expand(ctx, marks, fn)
}

func (c *switchingView) Close(ctx context.Context) error { return c.current().Close(ctx) }
