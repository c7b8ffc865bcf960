package demo

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"humpty/projector/checkpoint"
	"humpty/projector/follow"
	"humpty/projector/report"
)

// follower is humpty follow in the demo's own process.
type follower struct {
	group  errgroup.Group
	cancel context.CancelFunc

	mu  sync.Mutex
	lag chan report.Lag // of one who waits
}

// newFollower begins to feed what the alias serves.
func newFollower(ctx context.Context, project *project) (*follower, error) {
	r, err := project.rebuild(ctx, "orders")
	if err != nil {
		return nil, err
	}
	f := &follower{}
	ctx, f.cancel = context.WithCancel(ctx)
	p := follow.Projector{
		Projection: r.Projection, Source: r.Source, Target: r.Target, Observe: f.observe,
		Open: func(run string) (*checkpoint.Store, error) { return project.state.Open(r.Projection.Name, run) },
	}
	f.group.Go(func() error { return p.Run(ctx) })
	return f, nil
}

func (f *follower) observe(e report.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Lag == nil || f.lag == nil {
		return
	}
	select {
	case f.lag <- *e.Lag:
	default:
	}
}

// caughtUp waits until nothing is left to do of what was read of the changes so far.
func (f *follower) caughtUp(ctx context.Context) error {
	lags := make(chan report.Lag)
	f.mu.Lock()
	f.lag = lags
	f.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l := <-lags:
			if l.Backlog == 0 {
				return nil
			}
		}
	}
}

// close stops to follow.
func (f *follower) close() error {
	if f == nil {
		return nil
	}
	f.cancel()
	return f.group.Wait()
}
