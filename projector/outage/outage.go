// Package outage tells whether a server is away, and waits until it is back.
package outage

import (
	"errors"
	"fmt"
	"time"

	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Unavailable is the error of a run that has waited for a server as long as it may.
type Unavailable struct {
	Server string // source or target
	Lasted time.Duration
	Err    error // what it said last
}

func (u *Unavailable) Error() string {
	return fmt.Sprintf("the %s was away for %s: %v", u.Server, u.Lasted.Round(time.Second), u.Err)
}

func (u *Unavailable) Unwrap() error { return u.Err }

// Outage is an outage that a run went through.
type Outage struct {
	Server  string       `json:"server"` // source or target
	Phase   report.Phase `json:"phase"`  // that was cut off, and done again
	Seconds float64      `json:"seconds"`
	Reason  string       `json:"reason"`
}

const (
	defaultOutage = 15 * time.Minute
	longestProbe  = time.Second // so long after an outage nothing may happen yet
)

// SoundAfter is how long nothing may go wrong until the next error is a new trouble.
const SoundAfter = time.Minute

// Limit is how long a server may be away.
func Limit(most time.Duration) time.Duration {
	if most == 0 {
		return defaultOutage
	}
	return most
}

// Server names the server that an error says is away, empty if it does not. A target knows its
// own errors; a source takes every broken connection for its own.
func Server(source sources.Source, target sinks.Target, err error) string {
	var unavailable *Unavailable
	if err == nil || errors.As(err, &unavailable) {
		return ""
	}
	if t, ok := target.(sinks.Outages); ok && t.IsUnavailable(err) {
		return "target"
	}
	if s, ok := source.(sources.Outages); ok && s.IsUnavailable(err) {
		return "source"
	}
	return ""
}
