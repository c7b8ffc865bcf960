package kafka

import (
	"fmt"
	"sync"
	"time"
)

// outage is how readers wait for brokers that are away.
type outage struct {
	limit  time.Duration
	notify func(string)

	mu         sync.Mutex
	reportedAt time.Time
}

// How often a wait is told of, and how long it may last before.
const (
	reportEvery = 10 * time.Second
	reportAfter = time.Second
)

func (o *outage) report(waited time.Duration, err error) {
	if o.notify == nil || waited < reportAfter {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.reportedAt) < reportEvery {
		return
	}
	o.reportedAt = time.Now()
	o.notify(fmt.Sprintf("Kafka is away, for %s now; it is waited for, up to %s: %v", waited.Round(time.Second), o.limit, err))
}
