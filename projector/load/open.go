package load

import (
	"context"
	"fmt"
	"time"

	"humpty/projector/report"
	"humpty/sources"
)

// replayToldEvery is how often the observer is told how far a replay is.
const replayToldEvery = time.Second

// Open opens a source; where that reads a log to its end, the observer is told how far it is.
func Open(ctx context.Context, source sources.Source, o *report.Observer) (sources.View, error) {
	if replayer, ok := source.(sources.Replayer); ok {
		var last time.Time
		replayer.Watch(func(done, total, bytes int64) {
			if now := time.Now(); now.Sub(last) >= replayToldEvery {
				last = now
				o.Waiting(fmt.Sprintf("for the replay of events: %d of about %d, %.1f MB", done, total, float64(bytes)/1e6))
			}
		})
	}
	view, err := source.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the source: %w", err)
	}
	return view, nil
}
