package engine

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"humpty/bench/internal/figure"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sources/postgres"
)

// live lets a rebuild catch up with what is written beside it; end gives back what it held
// on the source, of which nothing may stay behind.
func live(ctx context.Context, r *projector.Rebuild, source *postgres.Source) (end func() error, err error) {
	dir, err := os.MkdirTemp("", "humpty-bench-live-")
	if err != nil {
		return nil, err
	}
	store, err := checkpoint.Open(dir, checkpoint.Options{})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r.Live = &projector.Live{Checkpoint: store, Writer: projector.WriterFollow}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return errors.Join(store.Close(), source.Release(ctx, r.Owner.Run), os.RemoveAll(dir))
	}, nil
}

// lags follows how far the change reader is behind while the load goes on.
type lags struct {
	mu     sync.Mutex
	loaded bool
	max    int64 // bytes of the log
	last   int64
	marks  int
}

func (l *lags) observe(e report.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case e.Kind == report.Ended && e.Phase == report.PhaseLoad:
		l.loaded = true
	case e.Kind == report.Lagging && !l.loaded:
		l.last, l.max, l.marks = e.Lag.Behind, max(l.max, e.Lag.Behind), e.Lag.Backlog
	}
}

func (l *lags) add(f map[string]float64) {
	f[figure.BehindMost], f[figure.BehindLoaded] = float64(l.max)/1e6, float64(l.last)/1e6
	f["marks_loaded"] = float64(l.marks)
}
