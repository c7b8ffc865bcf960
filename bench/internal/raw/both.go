package raw

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// Both is both ends at once.
type Both struct {
	Seconds float64 // to the end of both
	Shots   Shots
	Copied  CopyResult
}

// BothEnds runs firehose and copy beside each other: the limit of one machine, where
// reading and writing share the cores.
func BothEnds(ctx context.Context, search *Search, index string, batches []Batch, connections int,
	dsn string, reads []string, readers int,
) (b Both, err error) {
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		b.Shots, err = Firehose(ctx, search, index, batches, connections)
		return err
	})
	group.Go(func() (err error) {
		b.Copied, err = Copy(ctx, dsn, reads, readers)
		return err
	})
	err = group.Wait()
	b.Seconds = time.Since(start).Seconds()
	return b, err
}
