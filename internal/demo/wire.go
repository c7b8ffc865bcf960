package demo

import (
	"context"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/projector"
)

// wired makes a rebuild of one of the file's projections, as `humpty rebuild` does.
func wired(ctx context.Context, file, name string) (*projector.Rebuild, error) {
	c, err := config.Load(file, config.Options{})
	if err != nil {
		return nil, err
	}
	p, err := c.Projection(name)
	if err != nil {
		return nil, err
	}
	return assemble.Rebuild(ctx, c, p, "demo", nil)
}
