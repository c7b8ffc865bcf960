package sourcetest

import (
	"context"
	"errors"
	"maps"
	"strconv"

	"humpty/sources"
)

// unflushed is what a LiveSource shows that is not on its disk.
type unflushed struct {
	log     int                 // commits so far
	changes []sources.ChangeSet // of those that are not flushed: they are not in the stream
	crashes int

	rowsFlushed   map[string]Row    // without them
	groupsFlushed map[string]string // the same
}

var _ sources.FlushTracked = (*liveStream)(nil)

// CommitUnflushed makes a transaction that is visible at once, and comes in the stream when the
// log is flushed: by a fence, a Commit or a Stage, or for the asking. The source has to be one
// that MayLose.
func (l *LiveSource) CommitUnflushed(changes ...Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.changes) == 0 {
		l.rowsFlushed, l.groupsFlushed = maps.Clone(l.rows), maps.Clone(l.groups)
	}
	_, m := l.begin(changes)
	apply(changes, l.rows, l.groups)
	l.changes = append(l.changes, m)
	l.log++
}

// flush puts everything on the disk, and so into the stream.
func (l *LiveSource) flush() {
	for _, m := range l.changes {
		m.Position = sources.Position(strconv.Itoa(len(l.stream) + 1))
		l.publish(m)
	}
	l.changes = nil
}

// Crash takes back what is not flushed, and ends what streams say of it.
func (l *LiveSource) Crash() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.changes) > 0 {
		l.rows, l.groups = l.rowsFlushed, l.groupsFlushed
	}
	l.changes = nil
	l.crashes++
}

// FlushLog ends with the crash that comes next.
func (f *liveStream) FlushLog() sources.FlushLog {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	if !f.live.MayLose {
		return nil
	}
	return &liveLog{live: f.live, crashes: f.live.crashes}
}

type liveLog struct {
	live    *LiveSource
	crashes int
}

func (f *liveLog) locked(do func()) error {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	if f.live.crashes != f.crashes {
		return errors.New("the server is another since it crashed")
	}
	do()
	return nil
}

func (f *liveLog) LogEnd(context.Context) (end sources.Position, err error) {
	err = f.locked(func() { end = sources.Position(strconv.Itoa(f.live.log)) })
	return end, err
}

func (f *liveLog) Flushed(_ context.Context, to sources.Position) (flushed bool, err error) {
	at, err := strconv.Atoi(string(to))
	if err != nil {
		return false, err
	}
	err = f.locked(func() { flushed = at <= f.live.log-len(f.live.changes) })
	return flushed, err
}

func (f *liveLog) Flush(context.Context) error { return f.locked(f.live.flush) }

func (f *liveLog) LastCrash(context.Context) (crash string, err error) {
	err = f.locked(func() { crash = strconv.Itoa(f.crashes) })
	return crash, err
}
