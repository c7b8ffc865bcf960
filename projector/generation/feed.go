package generation

import (
	"time"

	"humpty/sinks"
)

// FeedFor is how long a generation that served before is kept up to date, from the swap on;
// negative: until another one takes its place.
type FeedFor time.Duration

// Previous is the generation that is fed beside what the alias serves, the one that served
// before, and until when; the zero time: without end. Its time may be over.
func (f FeedFor) Previous(s sinks.Survey) (previous sinks.Generation, until time.Time, ok bool) {
	live, serves := s.Find(s.Live())
	if !serves || f == 0 || live.Meta.Previous == live.Name {
		return previous, until, false
	}
	if previous, ok = s.Find(live.Meta.Previous); !ok || f < 0 {
		return previous, until, ok
	}
	since := live.Meta.Serves
	if since.IsZero() { // of an earlier version, or of a process that died behind its swap
		since = live.Meta.Updated
	}
	return previous, since.Add(time.Duration(f)), true
}

// At is Previous, if its time is not over.
func (f FeedFor) At(s sinks.Survey, now time.Time) (previous sinks.Generation, until time.Time, ok bool) {
	previous, until, ok = f.Previous(s)
	return previous, until, ok && (until.IsZero() || now.Before(until))
}
