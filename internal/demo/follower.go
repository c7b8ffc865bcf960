package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/assemble"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
)

// follower is humpty follow in the demo's own process.
type follower struct {
	group  errgroup.Group
	cancel context.CancelFunc

	mu  sync.Mutex
	lag chan report.Lag // of one who waits
}

// follow begins to feed what the alias serves.
func (d *demo) follow(ctx context.Context) error {
	r, err := wired(ctx, d.config, "orders")
	if err != nil {
		return err
	}
	f := &follower{}
	d.follower = f
	ctx, f.cancel = context.WithCancel(ctx)
	p := projector.Follow{
		Projection: r.Projection, Source: r.Source, Target: r.Target, Observe: f.observe,
		Open: func(run string) (*checkpoint.Store, error) { return d.state().Open(r.Projection.Name, run) },
	}
	f.group.Go(func() error { return p.Run(ctx) })
	return nil
}

func (d *demo) state() assemble.State { return assemble.State{Dir: d.stateDir} }

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

// rest lets the last customer go, and waits until the read model has all that was written.
func (d *demo) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("demo: the read model does not come to rest"))
	defer cancel()
	conn := d.customers.conn
	d.customers.cancel()
	if err := d.customers.group.Wait(); err != nil {
		return err
	}
	var id int64
	const last = "the last change of the demo"
	err := conn.QueryRow(ctx, "UPDATE shop.orders SET o_comment = $1 WHERE o_orderkey = (SELECT min(o_orderkey) FROM shop.orders) RETURNING o_orderkey", last).Scan(&id)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		comment, err := d.app.document(ctx, fmt.Sprint(id))
		if err != nil {
			return err
		}
		if comment == last { // all before it was read of the changes, too
			return errors.Join(d.follower.caughtUp(ctx), d.app.refresh(ctx))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
