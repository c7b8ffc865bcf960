package demo

import (
	"context"

	"humpty/internal/config"
	"humpty/internal/wire"
	"humpty/projector"
)

// wired makes a rebuild of the file's projection, as `humpty rebuild` does.
func wired(ctx context.Context, file string) (*projector.Rebuild, error) {
	c, err := config.Load(file, config.Options{})
	if err != nil {
		return nil, err
	}
	p, err := c.Projection("orders")
	if err != nil {
		return nil, err
	}
	return wire.Rebuild(ctx, c, p, "demo", nil)
}
