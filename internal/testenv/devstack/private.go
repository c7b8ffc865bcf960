package devstack

import (
	"testing"
	"time"
)

// Private starts servers of the test's own, which it may kill, fill, slow and
// reconfigure; they end with t, or with the test process if that crashes. To
// spare the machine, one stack with a search server and three others run at a
// time for all test processes of the user: the call waits for its turn, and a
// test that calls it twice for a search server waits for itself.
//
// Unlike the shared servers, a private Elasticsearch watches its disk: add
// "cluster.routing.allocation.disk.threshold_enabled: false" to Options.Config
// unless the test is about disks.
func Private(t testing.TB, opts Options) *Stack {
	t.Helper()
	skipShort(t)
	if opts.Keep {
		t.Fatal("devstack: a private stack ends with its test: Options.Keep must be false")
	}
	f, err := myFolders()
	if err != nil {
		t.Fatal(err)
	}
	turn, err := f.awaitTurn(t.Context(), opts.Servers, timeLeft(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := turn.unlock(); err != nil {
			t.Error(err)
		}
	})
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// timeLeft keeps a minute for the test itself.
func timeLeft(t testing.TB) time.Duration {
	const usual = 9 * time.Minute
	d, ok := t.(interface{ Deadline() (time.Time, bool) })
	if !ok {
		return usual
	}
	if deadline, ok := d.Deadline(); ok {
		return max(time.Until(deadline)-time.Minute, time.Second)
	}
	return usual
}
