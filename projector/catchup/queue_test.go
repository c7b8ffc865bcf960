package catchup

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"

	"humpty/sources"
)

// part is a part of a huge transaction.
func part(keys int) sources.ChangeSet {
	m := sources.ChangeSet{Xid: 7}
	for i := range keys {
		m.Keys = append(m.Keys, sources.DirtyKey{Node: "lines", Key: strconv.Itoa(i)})
	}
	return m
}

// The parts of a transaction of millions of rows wait for the store: what was read ahead of it
// is bounded by its bytes, not by how many parts there are.
func TestHugeTransactionWaitsForTheStore(t *testing.T) {
	t.Parallel()
	const parts = 100 // of 100,000 rows, 10 MB each
	synctest.Test(t, func(t *testing.T) {
		q, one := newChangeQueue(), part(100_000)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		read := 0
		ended := make(chan error, 1)
		go func() {
			defer q.close()
			for range parts {
				if err := q.put(ctx, one); err != nil {
					ended <- err
					return
				}
				read++
			}
			ended <- nil
		}()
		most, recorded := 0, 0
		for {
			synctest.Wait()
			most = max(most, read-recorded)
			all, ok := q.take()
			if !ok {
				break
			}
			recorded += len(all)
			q.done(all)
		}
		if err := <-ended; err != nil || recorded != parts {
			t.Fatalf("%d parts of %d recorded, %v", recorded, parts, err)
		}
		if bound := int(changesAtOnce/cost(one)) + 1; most > bound {
			t.Errorf("%d parts of %d bytes were read ahead of the store, at most %d fit", most, cost(one), bound)
		}
	})
}

// A set larger than the bound goes through alone, and who waits for room ends with its context.
func TestSetLargerThanTheBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, huge := newChangeQueue(), part(changesAtOnce/keyOverhead+1)
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := q.put(ctx, huge); err != nil {
			t.Fatal(err)
		}
		second := make(chan error, 1)
		go func() { second <- q.put(ctx, part(1)) }()
		synctest.Wait()
		select {
		case err := <-second:
			t.Fatalf("a set found room beside one that takes all: %v", err)
		default:
		}
		stop := errors.New("stopped")
		cancel(stop)
		if err := <-second; !errors.Is(err, stop) {
			t.Errorf("who waited for room ended with %v", err)
		}
	})
}
