package generation

import (
	"math"
	"time"

	"humpty/sinks"
)

// FeedFor is how long a generation that served before is kept up to date, from the swap on.
type FeedFor time.Duration

// FeedAlways feeds it until another one takes its place.
const FeedAlways FeedFor = math.MaxInt64

// Fed is a generation that is kept up to date though another one serves.
type Fed struct {
	sinks.Generation

	Until time.Time // the zero time: without end
}

// Previous is the one that is fed beside what the alias serves: the one that served before. Its
// time may be over.
func (f FeedFor) Previous(s sinks.Survey) (Fed, bool) {
	live, ok := s.Find(s.Live())
	if !ok || f <= 0 {
		return Fed{}, false
	}
	previous, ok := s.Find(live.Meta.Previous)
	if !ok || previous.Name == live.Name {
		return Fed{}, false
	}
	fed := Fed{Generation: previous}
	if f != FeedAlways {
		since := live.Meta.Serves
		if since.IsZero() { // of an earlier version, or of a process that died behind its swap
			since = live.Meta.Updated
		}
		fed.Until = since.Add(time.Duration(f))
	}
	return fed, true
}

// At is Previous, if its time is not over.
func (f FeedFor) At(s sinks.Survey, now time.Time) (Fed, bool) {
	fed, ok := f.Previous(s)
	return fed, ok && !fed.Over(now)
}

// Over reports whether it is fed no more.
func (f Fed) Over(now time.Time) bool { return !f.Until.IsZero() && !now.Before(f.Until) }
