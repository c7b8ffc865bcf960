package report

import (
	"encoding/json"
	"sync"
	"time"
)

// sharedActivity is what the process says in its lease. The nil one says nothing.
type sharedActivity struct {
	mu     sync.Mutex
	latest Activity
}

func (s *sharedActivity) observe(e Event) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest.Observe(e)
}

func (s *sharedActivity) json() string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := json.Marshal(s.latest)
	if err != nil {
		return "" // numbers that JSON does not have: it is news, and nobody's decision
	}
	return string(text)
}

// Activity is what a run does now, for those who look from elsewhere.
type Activity struct {
	Phase   Phase     `json:"phase"`
	Since   time.Time `json:"since"` // when the phase began
	At      time.Time `json:"at"`    // of the last event
	Done    int64     `json:"done,omitempty"`
	Earlier int64     `json:"earlier,omitempty"` // of these, by processes of the run that ended
	Total   int64     `json:"total,omitempty"`   // estimate; 0: not known
	Bytes   int64     `json:"bytes,omitempty"`
	Waiting string    `json:"waiting,omitempty"` // for what; empty: it goes on
	Error   string    `json:"error,omitempty"`   // the last one, also of an outage that is over
	ETA     *ETA      `json:"eta,omitempty"`     // until the alias serves, as it was then
	Lag     *Lag      `json:"lag,omitempty"`
}

// Observe learns from an event.
func (a *Activity) Observe(e Event) {
	a.At = e.At
	if e.ETA != nil {
		a.ETA = e.ETA
	}
	switch e.Kind {
	case Started:
		*a = Activity{Phase: e.Phase, Since: e.At, At: e.At, Error: a.Error, ETA: e.ETA, Lag: a.Lag}
	case Progress:
		a.Done, a.Earlier, a.Total, a.Bytes, a.Waiting = e.Done, e.Earlier, e.Total, e.Bytes, ""
	case Waiting:
		a.Waiting = e.Text
	case Lagging:
		a.Lag = e.Lag
	case Ended:
		a.Waiting = ""
		if e.Failed != "" {
			a.Error = e.Failed
		}
	}
}
