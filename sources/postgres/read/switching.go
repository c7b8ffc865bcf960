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

func (v *switchingView) switchToLive(ctx context.Context) (*View, error) {
	select {
	case v.switching <- struct{}{}:
		defer func() { <-v.switching }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if v.live != nil {
		return v.live, nil
	}
	if err := v.view.Close(ctx); err != nil {
		return nil, err
	}
	var err error
	v.live, err = v.open(ctx)
	return v.live, err
}

func (v *switchingView) current() *View {
	v.switching <- struct{}{}
	defer func() { <-v.switching }()
	if v.live != nil {
		return v.live
	}
	return v.view
}

// Read implements sources.View.
func (v *switchingView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	return v.current().Read(ctx, p, from)
}

// Count implements sources.Counter.
func (v *switchingView) Count(ctx context.Context) (int64, error) { return v.current().Count(ctx) }

// Lookup implements sources.Lookup.
func (v *switchingView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	live, err := v.switchToLive(ctx)
	if err != nil {
		return err
	}
	return live.Lookup(ctx, keys, b)
}

// Expand implements sources.Expander.
func (v *switchingView) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	live, err := v.switchToLive(ctx)
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	return live.Expand(ctx, marks, fn)
}

// Close implements sources.View.
func (v *switchingView) Close(ctx context.Context) error { return v.current().Close(ctx) }
