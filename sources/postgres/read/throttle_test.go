package read

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestThrottle runs in virtual time: readers together take what the limit gives, and not less.
func TestThrottle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		limit       *Throttle
		rows, bytes int64
		want        time.Duration // for 40 pages
	}{
		{"none", &Throttle{}, 1000, 1000, 0},
		{"rows", &Throttle{rows: 500}, 1000, 1 << 30, 80 * time.Second},
		{"bytes", &Throttle{bytes: 2000}, 1 << 30, 1000, 20 * time.Second},
		{"both, rows are the scarcer", &Throttle{rows: 100, bytes: 1e9}, 50, 10, 20 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var readers errgroup.Group
				for range 4 {
					readers.Go(func() error {
						for range 10 {
							if err := test.limit.wait(t.Context()); err != nil {
								return err
							}
							test.limit.charge(test.rows, test.bytes)
						}
						return nil
					})
				}
				if err := errors.Join(readers.Wait(), test.limit.wait(t.Context())); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != test.want {
					t.Errorf("%s, want %s", took, test.want)
				}
			})
		})
	}
}

func TestThrottleEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := Throttle{rows: 1}
		limit.charge(1_000_000, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := limit.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}
