package flush

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"humpty/sources"
)

// log is a server whose log grows by the test's word.
type log struct {
	end, flushed, forced int
	crashed              error
}

func (l *log) FlushLog() sources.FlushLog { return l }

func (l *log) LogEnd(context.Context) (sources.Position, error) {
	return sources.Position(strconv.Itoa(l.end)), l.crashed
}

func (l *log) Flushed(_ context.Context, to sources.Position) (bool, error) {
	at, err := strconv.Atoi(string(to))
	return at <= l.flushed, errors.Join(err, l.crashed)
}

func (l *log) Flush(context.Context) error {
	l.forced++
	l.flushed = l.end
	return l.crashed
}

func (l *log) LastCrash(context.Context) (string, error) { return "", nil }

// A step is done when the log is flushed behind its reads, in the order of adding, and not
// before; after a second without that the source is asked to.
func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &log{end: 10, flushed: 9}
		q := NewQueue(l)
		var done []string
		add := func(name string) {
			if err := q.Add(func() error { done = append(done, name); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		want := func(moment string, forced int, names ...string) {
			t.Helper()
			if !slices.Equal(done, names) || l.forced != forced {
				t.Errorf("%s: done %v, forced %d, want %v and %d", moment, done, l.forced, names, forced)
			}
		}
		check := func() {
			t.Helper()
			if err := q.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		add("a")
		check()
		want("the log ends behind the read", 0)
		l.end = 11
		add("b")
		check()
		l.flushed = 10
		check()
		want("the log is flushed up to the first", 0, "a")
		<-time.After(forceAfter)
		check()
		want("a second has passed", 1, "a", "b")
		l.end = 12
		add("c")
		if err := q.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("at once", 2, "a", "b", "c")
		l.end = 13
		add("d")
		crashed := errors.New("the server is another one")
		l.crashed = crashed
		if err := q.Now(t.Context()); !errors.Is(err, crashed) {
			t.Errorf("error %v", err)
		}
		want("crashed", 2, "a", "b", "c")
	})
}

// Run does what waits by itself, and asks no source that nothing waits for.
func TestQueueRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &log{end: 1}
		q := NewQueue(l)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- q.Run(ctx) }()
		began, took := time.Now(), time.Duration(0)
		if err := q.Add(func() error { took = time.Since(began); return nil }); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		if took < forceAfter || took > 2*forceAfter || l.forced != 1 {
			t.Errorf("done after %s, forced %d times", took, l.forced)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// What takes nothing back has no queue: each step is done at once.
func TestNoQueue(t *testing.T) {
	t.Parallel()
	q := NewQueue(struct{}{})
	done := false
	if err := q.Add(func() error { done = true; return nil }); err != nil || !done || q != nil {
		t.Errorf("done %v, queue %v, %v", done, q, err)
	}
	if err := errors.Join(q.Check(t.Context()), q.Now(t.Context())); err != nil {
		t.Error(err)
	}
}
