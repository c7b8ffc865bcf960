package join

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"humpty/sources"
)

var (
	_ sources.FlushTracked = (*feed)(nil)
	_ sources.FlushTracked = (*view)(nil)
)

// FlushLog is that of all parts.
func (f *feed) FlushLog() sources.FlushLog {
	var all flushLogs
	for _, p := range f.parts {
		all = all.with(p.feed)
	}
	return all.whole()
}

// FlushLog is that of the root and of what is looked up. What is held was made of events.
func (v *view) FlushLog() sources.FlushLog {
	all := flushLogs{}.with(v.root)
	for _, o := range v.open {
		all = all.with(o)
	}
	return all.whole()
}

// flushLogs are those of several servers, or of one that is read by several sessions.
type flushLogs []sources.FlushLog

func (f flushLogs) with(part any) flushLogs {
	if tracked, ok := part.(sources.FlushTracked); ok {
		if log := tracked.FlushLog(); log != nil {
			return append(f, log)
		}
	}
	return f
}

// whole is nil where none of the parts has a log that can be lost.
func (f flushLogs) whole() sources.FlushLog {
	if len(f) == 0 {
		return nil
	}
	return f
}

// LogEnd is the list of the parts' ends.
func (f flushLogs) LogEnd(ctx context.Context) (sources.Position, error) {
	ends := make([]sources.Position, len(f))
	for i, log := range f {
		var err error
		if ends[i], err = log.LogEnd(ctx); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(ends)
	return sources.Position(text), err
}

// Flushed asks every part.
func (f flushLogs) Flushed(ctx context.Context, to sources.Position) (bool, error) {
	var ends []sources.Position
	if err := json.Unmarshal([]byte(to), &ends); err != nil {
		return false, fmt.Errorf("mix: the ends %q of logs cannot be read: %w", to, err)
	}
	for i, log := range f {
		if flushed, err := log.Flushed(ctx, ends[i]); err != nil || !flushed {
			return false, err
		}
	}
	return true, nil
}

// Flush flushes every part.
func (f flushLogs) Flush(ctx context.Context) error {
	for _, log := range f {
		if err := log.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// LastCrash is the list of the parts'.
func (f flushLogs) LastCrash(ctx context.Context) (string, error) {
	all := make([]string, len(f))
	for i, log := range f {
		var err error
		if all[i], err = log.LastCrash(ctx); err != nil {
			return "", err
		}
	}
	return strings.Join(all, "; "), nil
}
