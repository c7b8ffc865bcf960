package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/sinks"
)

// Observer hands events on one at a time, and remembers notices for the record.
type Observer struct {
	fn func(Event)

	mu       sync.Mutex
	phase    Phase
	notices  []string
	forecast *Forecast       // nil: no alias is going to serve what is done
	shared   *sharedActivity // nil: nobody looks from elsewhere
}

// Expect tells the forecast what the plan found.
func (o *Observer) Expect(documents int64, live bool, survey sinks.Survey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forecast.Documents, o.forecast.Live, o.forecast.Before = documents, live, PaceBefore(survey)
}

// PhaseSeconds is how long the phases took so far, in this process.
func (o *Observer) PhaseSeconds() map[string]float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[string]float64{}
	for phase, seconds := range o.forecast.Measured(time.Now()) {
		all[string(phase)] = seconds
	}
	return all
}

// Activity is what is done now, as JSON; empty where nobody looks from elsewhere.
func (o *Observer) Activity() string { return o.shared.json() }

// NewObserver tells fn, which may be nil, of what is done to a generation that is there.
func NewObserver(fn func(Event)) *Observer { return &Observer{fn: fn} }

// NewRunObserver tells fn, which may be nil, of a rebuild, with a forecast of its end.
func NewRunObserver(fn func(Event)) *Observer {
	return &Observer{fn: fn, forecast: new(Forecast), shared: new(sharedActivity)}
}

// Successor tells the same of what goes on in place of what was told of so far.
func (o *Observer) Successor() *Observer {
	return &Observer{fn: o.fn, notices: o.Notices(), shared: o.shared, forecast: o.forecast}
}

// Tell hands on an event, completed with its time and the forecast.
func (o *Observer) Tell(e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e.Kind {
	case Started:
		o.phase = e.Phase
	case Notice:
		o.notices = append(o.notices, e.Text)
	}
	if e.Phase == "" {
		e.Phase = o.phase
	}
	e.At = time.Now().UTC()
	if o.forecast != nil {
		o.forecast.Observe(e)
		e.ETA = o.forecast.Left(e.At)
	}
	o.shared.observe(e)
	if o.fn != nil {
		o.fn(e)
	}
}

// Start tells that a phase begins.
func (o *Observer) Start(p Phase) { o.Tell(Event{Kind: Started, Phase: p}) }

// End tells that a phase is over, and how it ended.
func (o *Observer) End(p Phase, took time.Duration, err error) {
	e := Event{Kind: Ended, Phase: p, Elapsed: took}
	if err != nil {
		e.Failed, e.Answer = err.Error(), answerFrom(err)
	}
	o.Tell(e)
}

// answerFrom says what came out of a phase that did its work to the end and says no.
func answerFrom(err error) string {
	var differs interface{ Summary() string }
	var refusal *problem.Refusal
	var rejected *ledger.TooManyRejections
	switch {
	case errors.As(err, &refusal):
		return "refused"
	case errors.As(err, &differs):
		return differs.Summary()
	case errors.As(err, &rejected):
		return fmt.Sprintf("%d documents rejected", rejected.Rejected)
	}
	return ""
}

// Notice tells what the user should read.
func (o *Observer) Notice(text string) { o.Tell(Event{Kind: Notice, Text: text}) }

// Waiting tells what the phase waits for.
func (o *Observer) Waiting(text string) { o.Tell(Event{Kind: Waiting, Text: text}) }

// Sealing passes on what a seal waits for; what it has given up stays in the record.
func (o *Observer) Sealing(text string) {
	if without, ok := strings.CutPrefix(text, sinks.Degraded); ok {
		o.Notice(without)
		return
	}
	o.Waiting(text)
}

// Progress tells how far a load is.
func (o *Observer) Progress(sum ledger.Ledger, earlier, total int64, requests int, pace string) {
	o.Tell(Event{
		Kind: Progress, Done: sum.Produced, Earlier: earlier, Total: total, Bytes: sum.Bytes,
		Rejected: sum.Rejected, Throttled: sum.Throttled, Requests: requests, Text: pace,
	})
}

// Compared tells how far a comparison is.
func (o *Observer) Compared(done, total, bytes int64) {
	o.Tell(Event{Kind: Progress, Done: done, Total: total, Bytes: bytes})
}

// Notices are what the user was told to read so far.
func (o *Observer) Notices() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.notices)
}
