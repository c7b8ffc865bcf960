package pace

import (
	"fmt"
	"time"

	"humpty/projector/report"
)

// Decision is one change of pace, for the run's record.
type Decision struct {
	Phase    report.Phase `json:"phase,omitempty"` // load; catch-up: that and all that follows
	Second   float64      `json:"second"`          // since the phase began
	Requests int          `json:"requests"`        // in flight from now on
	Batch    int          `json:"batch,omitempty"` // bytes of a request from now on, while loading
	Why      string       `json:"why"`
}

// decisionsKept is how many decisions a record has at most.
const decisionsKept = 200

// decisionLog keeps the decisions of one phase.
type decisionLog struct {
	phase report.Phase
	began time.Time
	last  string // the newest, in words
	all   []Decision
}

func (l *decisionLog) add(requests, batch int, why string) {
	l.last = fmt.Sprintf("%d requests at once: %s", requests, why)
	if len(l.all) < decisionsKept {
		l.all = append(l.all, Decision{
			Phase: l.phase, Second: time.Since(l.began).Seconds(), Requests: requests, Batch: batch, Why: why,
		})
	}
}
