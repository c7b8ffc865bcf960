package memory

import (
	"context"
	"fmt"
	"strconv"

	"humpty/sources"
)

type feed struct {
	live *Live
	name string
	at   int // transactions given out
}

// Capture goes on behind from, or begins now.
func (l *Live) Capture(_ context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &feed{live: l, name: name, at: len(l.stream)}
	if from != "" {
		at, err := strconv.Atoi(string(from))
		if err != nil {
			return nil, fmt.Errorf("position %q: %w", from, err)
		}
		f.at = at
	}
	if f.at < l.acked[name] {
		return nil, &sources.ErrChangesLost{Why: fmt.Sprintf("the capture is at %d, the position at %d", l.acked[name], f.at), Remedy: "start a new generation"}
	}
	return f, nil
}

// Release has nothing to drop.
func (l *Live) Release(context.Context, string) error { return nil }

func (f *feed) Next(ctx context.Context, m *sources.ChangeSet) error {
	for {
		f.live.mu.Lock()
		more := f.live.more
		if f.at < len(f.live.stream) {
			*m = f.live.stream[f.at]
			f.at++
			f.live.mu.Unlock()
			return nil
		}
		f.live.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Acknowledged is how many transactions a new feed may leave out, of whatever capture.
func (l *Live) Acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 0
	for _, at := range l.acked {
		most = max(most, at)
	}
	return most
}

// Unacknowledge goes back to a value of Acknowledged: what was acknowledged since comes
// from a process that the test has dead by then.
func (l *Live) Unacknowledge(to int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, at := range l.acked {
		l.acked[name] = min(at, to)
	}
}

// Skip moves a capture ahead of what was given out, as somebody does who reads it, too.
func (l *Live) Skip(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[name] = len(l.stream) + 1
}

func (f *feed) Acknowledge(_ context.Context, to sources.Position) error {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	at, err := strconv.Atoi(string(to))
	if err != nil {
		return fmt.Errorf("position %q: %w", to, err)
	}
	f.live.acked[f.name] = max(f.live.acked[f.name], at)
	return nil
}

func (f *feed) Fence(context.Context) (string, error) {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	f.live.fences++
	id := fmt.Sprint("fence ", f.live.fences)
	f.live.put(sources.ChangeSet{Fence: id, Position: sources.Position(strconv.Itoa(len(f.live.stream) + 1))})
	return id, nil
}

func (f *feed) Lag(context.Context) (behind, held int64, err error) {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	return int64(len(f.live.stream) - f.at), int64(len(f.live.stream) - f.live.acked[f.name]), nil
}

func (*feed) Close(context.Context) error { return nil }
