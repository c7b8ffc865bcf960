// Package lag tells how far projections that are followed are behind: a line each now and
// then, one when it is asked for, and a page for Prometheus.
package lag

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/ui"
	"humpty/projector/report"
)

// Monitor tells how several projections are followed.
type Monitor struct {
	console *console.Console

	mu      sync.Mutex
	printed map[string]time.Time // by generation: when a line was
	lag     map[string]report.Lag

	measured    map[string]time.Time // by generation
	projections map[string]string    // by generation
	notices     map[string]int       // by projection
	stopped     map[string]bool      // by projection: whether it has failed while others go on
}

// NewMonitor makes a Monitor.
func NewMonitor(c *console.Console) *Monitor {
	return &Monitor{
		console: c, printed: map[string]time.Time{}, lag: map[string]report.Lag{},
		measured: map[string]time.Time{}, projections: map[string]string{}, notices: map[string]int{}, stopped: map[string]bool{},
	}
}

// Observe takes an event of a projection that is followed.
func (m *Monitor) Observe(projection string, e report.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := e.Text
	switch e.Kind {
	case report.Started:
		text, m.stopped[projection] = "follow "+projection, false
	case report.Notice:
		m.notices[projection]++
	case report.Ended:
		text = "stopped: " + projection
	case report.Lagging:
		if e.Lag.Ended {
			delete(m.lag, e.Lag.Generation)
			return
		}
		m.lag[e.Lag.Generation], m.measured[e.Lag.Generation], m.projections[e.Lag.Generation] = *e.Lag, e.At, projection
		if e.At.Sub(m.printed[e.Lag.Generation]) < m.console.Interval {
			return
		}
		m.printed[e.Lag.Generation] = e.At
		text = e.Lag.Generation + ": " + ui.Lag(*e.Lag)
	}
	if m.console.JSON {
		m.console.Line(console.EventLine{Schema: 1, Type: string(e.Kind), At: e.At, Phase: e.Phase, Projection: projection, Text: text, Lag: e.Lag})
	}
	if !m.console.Quiet {
		fmt.Fprintf(m.console.Err, "%-9s %s\n", cmp.Or(map[report.Kind]string{report.Notice: "notice"}[e.Kind], "follow"), console.Indent(text))
	}
}

// Stopped tells that a projection is followed no more, for a reason that stays.
func (m *Monitor) Stopped(projection string, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped[projection] = true
	m.console.Warn(fmt.Sprintf("%s is not followed any more; others are: %s", projection, m.console.Message(why)))
}

// Status is one line for all of them.
func (m *Monitor) Status() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, generation := range slices.Sorted(maps.Keys(m.lag)) {
		all = append(all, generation+": "+ui.Lag(m.lag[generation]))
	}
	return "follow: " + strings.Join(all, "; ")
}
