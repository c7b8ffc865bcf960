package projector_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// faults fail one call of the contracts: before its effect, or after it.
type faults struct {
	what   string // the call, by contract and method
	time   int    // which of these
	after  bool
	outage bool // the server says that it was away; otherwise the run ends

	mu   sync.Mutex
	seen map[string]int
	hit  bool
}

type faultError struct{ what string }

func (e *faultError) Error() string { return e.what + " failed, by the test" }

func (f *faults) do(what string, effect func() error) error {
	f.mu.Lock()
	f.seen[what]++
	hit := what == f.what && f.seen[what] == f.time
	f.hit = f.hit || hit
	f.mu.Unlock()
	if hit && !f.after {
		return &faultError{what}
	}
	if err := effect(); err != nil || !hit {
		return err
	}
	return &faultError{what}
}

func (f *faults) IsUnavailable(err error) bool {
	var fault *faultError
	return f.outage && errors.As(err, &fault)
}

// called is do for calls with a result.
func called[T any](f *faults, what string, effect func() (T, error)) (result T, err error) {
	err = f.do(what, func() (err error) {
		result, err = effect()
		return err
	})
	return result, err
}

type faultySource struct {
	*sourcetest.LiveSource
	*faults
}

func (s faultySource) Plan(ctx context.Context) (sources.Plan, error) {
	return called(s.faults, "Source.Plan", func() (sources.Plan, error) { return s.LiveSource.Plan(ctx) })
}

func (s faultySource) Open(ctx context.Context) (sources.View, error) {
	return called(s.faults, "Source.Open", func() (sources.View, error) {
		v, err := s.LiveSource.Open(ctx)
		return faultyView{v, v.(sources.Expander), s.faults}, err //nolint:forcetypeassert // of the fake
	})
}

func (s faultySource) Capture(ctx context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	return called(s.faults, "Live.Capture", func() (sources.ChangeStream, error) {
		f, err := s.LiveSource.Capture(ctx, name, from)
		return faultyStream{f, s.faults}, err
	})
}

func (s faultySource) Release(ctx context.Context, name string) error {
	return s.do("Live.Release", func() error { return s.LiveSource.Release(ctx, name) })
}

type faultyView struct {
	sources.View
	sources.Expander
	*faults
}

func (v faultyView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	return called(v.faults, "View.Read", func() (sources.Reader, error) {
		r, err := v.View.Read(ctx, p, from)
		return faultyReader{r, v.faults}, err
	})
}

func (v faultyView) Close(ctx context.Context) error {
	return v.do("View.Close", func() error { return v.View.Close(ctx) })
}

func (v faultyView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	return v.do("Reread.Lookup", func() error { return v.Expander.Lookup(ctx, keys, b) })
}

func (v faultyView) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	return called(v.faults, "Reread.Expand", func() (sources.TxSnapshot, error) { return v.Expander.Expand(ctx, marks, fn) })
}

type faultyReader struct {
	sources.Reader
	*faults
}

func (r faultyReader) Next(ctx context.Context, b *sources.Batch) error {
	return r.do("Reader.Next", func() error { return r.Reader.Next(ctx, b) })
}

func (r faultyReader) Close(ctx context.Context) error {
	return r.do("Reader.Close", func() error { return r.Reader.Close(ctx) })
}

type faultyStream struct {
	sources.ChangeStream
	*faults
}

func (f faultyStream) Next(ctx context.Context, m *sources.ChangeSet) error {
	return f.do("Feed.Next", func() error { return f.ChangeStream.Next(ctx, m) })
}

func (f faultyStream) Acknowledge(ctx context.Context, to sources.Position) error {
	return f.do("Feed.Acknowledge", func() error { return f.ChangeStream.Acknowledge(ctx, to) })
}

func (f faultyStream) Fence(ctx context.Context) (string, error) {
	return called(f.faults, "Feed.Fence", func() (string, error) { return f.ChangeStream.Fence(ctx) })
}

func (f faultyStream) Close(ctx context.Context) error {
	return f.do("Feed.Close", func() error { return f.ChangeStream.Close(ctx) })
}

type faultyTarget struct {
	*sinktest.MemoryTarget
	*faults
}

func (t faultyTarget) Survey(ctx context.Context) (sinks.Survey, error) {
	return called(t.faults, "Target.Survey", func() (sinks.Survey, error) { return t.MemoryTarget.Survey(ctx) })
}

func (t faultyTarget) Create(ctx context.Context, g sinks.Generation) (sinks.Index, error) {
	return called(t.faults, "Target.Create", func() (sinks.Index, error) { return t.index(t.MemoryTarget.Create(ctx, g)) })
}

func (t faultyTarget) Open(ctx context.Context, name string) (sinks.Index, error) {
	return called(t.faults, "Target.Open", func() (sinks.Index, error) { return t.index(t.MemoryTarget.Open(ctx, name)) })
}

func (t faultyTarget) index(ix sinks.Index, err error) (sinks.Index, error) {
	if err != nil {
		return nil, err
	}
	return faultyIndex{ix.(fullIndex), t.faults}, nil //nolint:forcetypeassert // of the fake
}

func (t faultyTarget) Swap(ctx context.Context, change sinks.AliasChange) error {
	return t.do("Target.Swap", func() error { return t.MemoryTarget.Swap(ctx, change) })
}

func (t faultyTarget) Take(ctx context.Context, seen sinks.Lease, o sinks.Owner, ttl time.Duration) (sinks.Lease, error) {
	return called(t.faults, "Leases.Take", func() (sinks.Lease, error) { return t.MemoryTarget.Take(ctx, seen, o, ttl) })
}

func (t faultyTarget) Renew(ctx context.Context, l sinks.Lease, ttl time.Duration) (sinks.Lease, error) {
	return called(t.faults, "Leases.Renew", func() (sinks.Lease, error) { return t.MemoryTarget.Renew(ctx, l, ttl) })
}

func (t faultyTarget) Release(ctx context.Context, l sinks.Lease) error {
	return t.do("Leases.Release", func() error { return t.MemoryTarget.Release(ctx, l) })
}

func (t faultyTarget) Block(ctx context.Context, index string) error {
	return t.do("Blocker.Block", func() error { return t.MemoryTarget.Block(ctx, index) })
}

func (t faultyTarget) Unblock(ctx context.Context, index string) error {
	return t.do("Blocker.Unblock", func() error { return t.MemoryTarget.Unblock(ctx, index) })
}

// fullIndex is all that the fake's can do.
type fullIndex interface {
	sinks.Index
	sinks.Getter
	sinks.ConditionalWriter
	sinks.DefinitionDiffer
	sinks.Searcher
	sinks.WriterFence
}

type faultyIndex struct {
	fullIndex
	*faults
}

func (x faultyIndex) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	return called(x.faults, "Index.Write", func() (sinks.Receipt, error) { return x.fullIndex.Write(ctx, docs, verdicts) })
}

func (x faultyIndex) Seal(ctx context.Context, report func(string)) error {
	return x.do("Index.Seal", func() error { return x.fullIndex.Seal(ctx, report) })
}

func (x faultyIndex) Note(ctx context.Context, m sinks.Meta) error {
	return x.do("Index.Note", func() error { return x.fullIndex.Note(ctx, m) })
}

func (x faultyIndex) Count(ctx context.Context) (int64, error) {
	return called(x.faults, "Index.Count", func() (int64, error) { return x.fullIndex.Count(ctx) })
}

func (x faultyIndex) Scan(ctx context.Context, part, parts int, fn func([]sinks.Document) error) error {
	return x.do("Index.Scan", func() error { return x.fullIndex.Scan(ctx, part, parts, fn) })
}

// rebuildWithFaults is a rebuild beside writers, of which one call fails, with as many further
// processes as it takes.
func rebuildWithFaults(t *testing.T, writer projector.Writer, f *faults) {
	t.Helper()
	l := newProcesses(t)
	l.writer = writer
	if writer == projector.WriterFreeze { // there is an index to be blocked
		if rec, err := l.run(false, nil); err != nil {
			t.Fatalf("%v: %+v", err, rec)
		}
		l.disk = vfs.NewMem()
	}
	f.seen = map[string]int{}
	l.source, l.target = faultySource{l.rows, f}, faultyTarget{l.memory, f}
	n, quiet := 0, false
	change := func(r *projector.Rebuild) {
		r.Observe = func(e report.Event) {
			if quiet = quiet || e.Phase == report.PhaseSwap; e.Kind == report.Started && !quiet {
				n++
				l.rows.Commit(sourcetest.Change{ID: fmt.Sprint(n % 90), Row: &sourcetest.Row{Group: "g", Value: fmt.Sprint(n)}}, sourcetest.Change{ID: fmt.Sprint(50 + n)})
			}
		}
	}
	rec, err := l.run(false, change)
	for life := 2; err != nil; life++ {
		if life == 4 {
			t.Fatalf("after three processes: %v: %+v", err, rec)
		}
		lease, holderErr := l.memory.Holder(t.Context())
		if err := errors.Join(holderErr, l.memory.Release(t.Context(), lease)); err != nil { // as if the time of the dead had run out
			t.Fatal(err)
		}
		begun := l.begun()
		anew := begun == nil || begun.Ended != nil
		if anew {
			l.disk = vfs.NewMem()
		}
		rec, err = l.run(!anew, func(r *projector.Rebuild) {
			change(r)
			if anew {
				r.Owner.Run = fmt.Sprint("again", life)
			}
		})
	}
	if got, want := documentsOf(t, l.memory), l.rows.Documents(); !maps.Equal(got, want) {
		t.Errorf("the index holds %d documents, not these %d", len(got), len(want))
	}
	survey, err := l.memory.Survey(t.Context())
	if err != nil || survey.Live() != rec.Generation || !rec.Ledger.Balances() {
		t.Errorf("%v: the alias serves %q: %+v", err, survey.Live(), rec)
	}
}

// Every call of every contract fails once, before its effect and after it, as an outage and
// for good: the run waits or the next one goes on, and at the end the index is right.
func TestEachCallFailsBeforeAndAfterItsEffect(t *testing.T) {
	t.Parallel()
	for _, writer := range []projector.Writer{projector.WriterFollow, projector.WriterFreeze} {
		calm := &faults{}
		rebuildWithFaults(t, writer, calm)
		for _, what := range slices.Sorted(maps.Keys(calm.seen)) {
			for _, time := range slices.Compact([]int{1, (calm.seen[what] + 1) / 2}) {
				for _, after := range []bool{false, true} {
					for _, outage := range []bool{false, true} {
						f := &faults{what: what, time: time, after: after, outage: outage}
						t.Run(fmt.Sprint(writer, " ", what, " ", time, map[bool]string{true: " after", false: " before"}[after], map[bool]string{true: " away", false: ""}[outage]), func(t *testing.T) {
							t.Parallel()
							rebuildWithFaults(t, writer, f)
							if !f.hit && f.time == 1 {
								t.Errorf("it did not come to that: %v", f.seen)
							}
						})
					}
				}
			}
		}
	}
}
