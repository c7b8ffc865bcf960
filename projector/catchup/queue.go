package catchup

import (
	"context"

	"golang.org/x/sync/semaphore"

	"humpty/sources"
)

const (
	// transactionsAtOnce bounds how many transactions are made durable by one step. The
	// busier the source is, the more share one.
	transactionsAtOnce = 4096

	// changesAtOnce bounds, in bytes, what was read of the stream and is not durable yet. A
	// transaction of millions of rows comes in parts, which would pile up without it.
	changesAtOnce = 32 << 20

	// keyOverhead is about what a dirty key costs besides its text: two string headers and
	// its place in the maps that find it.
	keyOverhead = 96
)

// changeQueue holds changes between the stream and the store, up to a number of bytes.
type changeQueue struct {
	in   chan sources.ChangeSet
	room *semaphore.Weighted
}

func newChangeQueue() *changeQueue {
	return &changeQueue{in: make(chan sources.ChangeSet, transactionsAtOnce), room: semaphore.NewWeighted(changesAtOnce)}
}

// cost is how many bytes of the bound a set takes. One that is larger than all takes all.
func cost(m sources.ChangeSet) int64 {
	n := int64(keyOverhead)
	for _, k := range m.Keys {
		n += int64(keyOverhead + len(k.Node) + len(k.Key))
	}
	return min(n, changesAtOnce)
}

// put waits until there is room for what was read.
func (q *changeQueue) put(ctx context.Context, m sources.ChangeSet) error {
	if err := q.room.Acquire(ctx, cost(m)); err != nil {
		return context.Cause(ctx)
	}
	select {
	case q.in <- m:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close says that nothing more comes.
func (q *changeQueue) close() { close(q.in) }

// take waits for a set and returns it with what else has come meanwhile, in order; false
// when nothing more comes.
func (q *changeQueue) take() ([]sources.ChangeSet, bool) {
	first, ok := <-q.in
	if !ok {
		return nil, false
	}
	all := []sources.ChangeSet{first}
	for len(all) < transactionsAtOnce {
		select {
		case m, ok := <-q.in:
			if !ok {
				return all, true
			}
			all = append(all, m)
		default:
			return all, true
		}
	}
	return all, true
}

// done gives the room of what is durable back.
func (q *changeQueue) done(all []sources.ChangeSet) {
	for _, m := range all {
		q.room.Release(cost(m))
	}
}
