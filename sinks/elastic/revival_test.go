package elastic

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestRevival: who waits for the end of an outage is woken by the first answer, but never
// asks again at once.
func TestRevival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r revival
		began := time.Now()
		var group errgroup.Group
		for range 8 {
			group.Go(func() error { return r.wait(t.Context(), 3*time.Second) })
		}
		<-time.After(time.Second)
		r.answered()
		if err := group.Wait(); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v: woken after %v, want 1 s", err, time.Since(began))
		}
		began = time.Now()
		group.Go(func() error { return r.wait(t.Context(), 3*time.Second) })
		synctest.Wait()
		r.answered()
		if err := group.Wait(); err != nil || time.Since(began) != firstWait {
			t.Errorf("%v: woken after %v, want %v", err, time.Since(began), firstWait)
		}
		began = time.Now()
		if err := r.wait(t.Context(), 3*time.Second); err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("%v: without an answer it waited %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.wait(ctx, 3*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's end", err)
		}
	})
}
