package projector

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sinks"
)

// observer hands events on one at a time, and remembers notices for the record.
type observer struct {
	fn func(report.Event)

	mu       sync.Mutex
	phase    report.Phase
	notices  []string
	forecast *report.Forecast // nil: no alias is going to serve what is done
	doing    *doing           // nil: nobody looks from elsewhere
}

func (o *observer) tell(e report.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e.Kind {
	case report.Started:
		o.phase = e.Phase
	case report.Notice:
		o.notices = append(o.notices, e.Text)
	}
	if e.Phase == "" {
		e.Phase = o.phase
	}
	e.At = time.Now().UTC()
	if o.forecast != nil {
		o.forecast.Take(e)
		e.ETA = o.forecast.Left(e.At)
	}
	o.doing.take(e)
	if o.fn != nil {
		o.fn(e)
	}
}

func (o *observer) start(p report.Phase) { o.tell(report.Event{Kind: report.Started, Phase: p}) }

func (o *observer) end(p report.Phase, took time.Duration, err error) {
	e := report.Event{Kind: report.Ended, Phase: p, Elapsed: took}
	if err != nil {
		e.Failed, e.Answer = err.Error(), answerOf(err)
	}
	o.tell(e)
}

// answerOf says what came out of a phase that did its work to the end and says no.
func answerOf(err error) string {
	var differs *Differs
	var refusal *problem.Refusal
	var rejected *ledger.TooManyRejections
	switch {
	case errors.As(err, &refusal):
		return "refused"
	case errors.As(err, &differs):
		return differs.summary()
	case errors.As(err, &rejected):
		return fmt.Sprintf("%d documents rejected", rejected.Rejected)
	}
	return ""
}

func (o *observer) notice(text string) { o.tell(report.Event{Kind: report.Notice, Text: text}) }

func (o *observer) waiting(text string) { o.tell(report.Event{Kind: report.Waiting, Text: text}) }

// sealing passes on what a seal waits for; what it has given up stays in the record.
func (o *observer) sealing(text string) {
	if without, ok := strings.CutPrefix(text, sinks.Degraded); ok {
		o.notice(without)
		return
	}
	o.waiting(text)
}

func (o *observer) progress(sum ledger.Ledger, earlier, total int64, requests int, pace string) {
	o.tell(report.Event{
		Kind: report.Progress, Done: sum.Produced, Earlier: earlier, Total: total, Bytes: sum.Bytes,
		Rejected: sum.Rejected, Throttled: sum.Throttled, Requests: requests, Text: pace,
	})
}

func (o *observer) compared(done, total, bytes int64) {
	o.tell(report.Event{Kind: report.Progress, Done: done, Total: total, Bytes: bytes})
}

func (o *observer) said() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.notices)
}
