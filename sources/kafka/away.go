package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"humpty/sources"
)

var _ sources.Outages = (*Source)(nil)

// IsUnavailable implements sources.Outages: brokers that do not answer, end connections, or have no
// leader. A topic that they deny was deleted, and records that are gone stay so.
func (*Source) IsUnavailable(err error) bool {
	var gap *sources.ErrChangesLost
	if err == nil || final(err) || errors.As(err, &gap) || errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return false
	}
	var code kafkago.Error
	if errors.As(err, &code) && code.Temporary() {
		return true
	}
	var network net.Error
	return errors.As(err, &network) && !errors.Is(err, context.Canceled) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// outage is how readers wait for brokers that are away.
type outage struct {
	most    time.Duration
	waiting func(string)

	mu   sync.Mutex
	told time.Time
}

// How often a wait is told of, and how long it may last before.
const (
	tellEvery = 10 * time.Second
	tellAfter = time.Second
)

// WaitOut has readers wait for brokers that are away for longer than Config.Patience, and
// go on where they were: for who cannot do the same work again. waiting is told why, at
// most every ten seconds, from the readers' goroutines, one call at a time; it may be nil.
// WaitOut is called before the source is planned.
func (s *Source) WaitOut(most time.Duration, waiting func(string)) {
	s.cluster.outage.most, s.cluster.outage.waiting = most, waiting
}

func (o *outage) tell(waited time.Duration, err error) {
	if o.waiting == nil || waited < tellAfter {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.told) < tellEvery {
		return
	}
	o.told = time.Now()
	o.waiting(fmt.Sprintf("Kafka is away, for %s now; it is waited for, up to %s: %v", waited.Round(time.Second), o.most, err))
}
