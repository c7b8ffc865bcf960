package raw

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// CopyResult is what reading everything took.
type CopyResult struct {
	Seconds float64
	Bytes   int64 // of the COPY streams
	Rows    int64
}

// Copy runs all reads over so many connections, as fast as the rows come, and throws
// them away. Connecting is not part of the time.
func Copy(ctx context.Context, dsn string, reads []string, connections int) (total CopyResult, err error) {
	conns := make([]*pgconn.PgConn, connections)
	for i := range conns {
		if conns[i], err = pgconn.Connect(ctx, dsn); err != nil {
			return total, fmt.Errorf("raw copy: %w", err)
		}
		defer conns[i].Close(context.WithoutCancel(ctx))
	}
	var next, size, rows atomic.Int64
	start := time.Now()
	group, reading := errgroup.WithContext(ctx)
	for _, conn := range conns {
		group.Go(func() error {
			var drain counter
			defer func() { size.Add(int64(drain)) }()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(reads) {
					return nil
				}
				tag, err := conn.CopyTo(reading, &drain, reads[i])
				if err != nil {
					return fmt.Errorf("raw copy: %s: %w", reads[i], err)
				}
				rows.Add(tag.RowsAffected())
			}
		})
	}
	if err := group.Wait(); err != nil {
		return total, err
	}
	return CopyResult{Seconds: time.Since(start).Seconds(), Bytes: size.Load(), Rows: rows.Load()}, nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
