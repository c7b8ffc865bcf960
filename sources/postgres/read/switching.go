package read

import (
	"context"

	"humpty/sources"
)

// switchingView is a view whose reads are of one exported snapshot until documents are read
// again: from then on they are as they are at each read, and nothing is held any more.
type switchingView struct {
	view *View
	open func(context.Context) (*View, error) // as it is at each read

	switching chan struct{} // holds one while it is changed
	live      *View         // nil: still of the snapshot
}

var (
	_ sources.Counter  = (*switchingView)(nil)
	_ sources.Expander = (*switchingView)(nil)
)

// NewSwitchingView reads from v, until documents are read again: then it closes v, and opens
// what reads them as they are.
func NewSwitchingView(v *View, open func(context.Context) (*View, error)) sources.View {
	return &switchingView{view: v, open: open, switching: make(chan struct{}, 1)}
}

func (c *switchingView) switchToLive(ctx context.Context) (*View, error) {
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

func (c *switchingView) current() *View {
	c.switching <- struct{}{}
	defer func() { <-c.switching }()
	if c.live != nil {
		return c.live
	}
	return c.view
}

// Read implements sources.View.
func (c *switchingView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	return c.current().Read(ctx, p, from)
}

// Count implements sources.Counter.
func (c *switchingView) Count(ctx context.Context) (int64, error) { return c.current().Count(ctx) }

// Lookup implements sources.Lookup.
func (c *switchingView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	v, err := c.switchToLive(ctx)
	if err != nil {
		return err
	}
	return v.Lookup(ctx, keys, b)
}

// Expand implements sources.Expander.
func (c *switchingView) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	v, err := c.switchToLive(ctx)
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	return v.Expand(ctx, marks, fn)
}

// Close implements sources.View.
func (c *switchingView) Close(ctx context.Context) error { return c.current().Close(ctx) }
