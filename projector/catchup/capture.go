package catchup

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"humpty/internal/crashpoint"
	"humpty/projector/checkpoint"
	"humpty/sources"
)

// Capture brings the marks of a feed into the store: durable first, acknowledged then.
type Capture struct {
	stream   sources.ChangeStream
	store    *checkpoint.Store
	recorded chan struct{} // holds one when something was recorded since it was taken

	mu     sync.Mutex
	fences map[string]chan uint64 // by id: the sequence recorded before it was met
}

// NewCapture brings what comes from a stream into a store.
func NewCapture(feed sources.ChangeStream, store *checkpoint.Store) *Capture {
	c := &Capture{stream: feed, store: store, recorded: make(chan struct{}, 1), fences: map[string]chan uint64{}}
	c.wake() // what an earlier process recorded
	return c
}

// Stream is where the changes come from.
func (c *Capture) Stream() sources.ChangeStream { return c.stream }

func (c *Capture) wake() {
	select {
	case c.recorded <- struct{}{}:
	default:
	}
}

// Run records until ctx ends or the feed fails.
func (c *Capture) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	read := newChangeQueue()
	group.Go(func() error {
		defer read.close()
		for {
			var m sources.ChangeSet
			if err := c.stream.Next(ctx, &m); err != nil {
				return fmt.Errorf("read the changes: %w", err)
			}
			if err := read.put(ctx, m); err != nil {
				return err
			}
		}
	})
	group.Go(func() error {
		for {
			all, ok := read.take()
			if !ok {
				return nil
			}
			if err := c.record(ctx, all); err != nil {
				return err
			}
			read.done(all)
		}
	})
	return group.Wait()
}

// record makes transactions durable and acknowledges them. A fence is met only when all
// that came before it is durable.
func (c *Capture) record(ctx context.Context, all []sources.ChangeSet) error {
	for len(all) > 0 {
		end := slices.IndexFunc(all, func(m sources.ChangeSet) bool { return m.Fence != "" })
		if end < 0 {
			end = len(all) - 1
		}
		crashpoint.At("marks read")
		seq, err := c.store.Record(all[:end+1])
		if err != nil {
			return err
		}
		crashpoint.At("marks durable")
		c.wake()
		if err := c.stream.Acknowledge(ctx, all[end].Position); err != nil {
			return fmt.Errorf("acknowledge changes: %w", err)
		}
		crashpoint.At("marks acknowledged")
		if id := all[end].Fence; id != "" {
			c.fenceMet(id) <- seq
		}
		all = all[end+1:]
	}
	return nil
}

// fenceMet returns where the sequence at that fence is told, once.
func (c *Capture) fenceMet(id string) chan uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fences[id] == nil {
		c.fences[id] = make(chan uint64, 1)
	}
	return c.fences[id]
}

// Fence puts a fence behind everything committed now, waits until it is met in the
// stream, and returns the sequence of the last mark before it.
func (c *Capture) Fence(ctx context.Context) (uint64, error) {
	id, err := c.stream.Fence(ctx)
	if err != nil {
		return 0, fmt.Errorf("set a fence: %w", err)
	}
	select {
	case seq := <-c.fenceMet(id):
		return seq, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}
