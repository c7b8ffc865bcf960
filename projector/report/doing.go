package report

import "time"

// Doing is what a run does now, for those who look from elsewhere.
type Doing struct {
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

// Take learns from an event.
func (d *Doing) Take(e Event) {
	d.At = e.At
	if e.ETA != nil {
		d.ETA = e.ETA
	}
	switch e.Kind {
	case Started:
		*d = Doing{Phase: e.Phase, Since: e.At, At: e.At, Error: d.Error, ETA: e.ETA, Lag: d.Lag}
	case Progress:
		d.Done, d.Earlier, d.Total, d.Bytes, d.Waiting = e.Done, e.Earlier, e.Total, e.Bytes, ""
	case Waiting:
		d.Waiting = e.Text
	case Lagging:
		d.Lag = e.Lag
	case Ended:
		d.Waiting = ""
		if e.Failed != "" {
			d.Error = e.Failed
		}
	}
}
