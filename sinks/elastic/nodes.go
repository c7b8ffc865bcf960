package elastic

import (
	"net/url"
	"sync"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// nodes are the addresses, asked in turn. One that does not answer is left out for a while,
// longer each time, and taken back with the first request after it: the client library's own
// pool leaves it out for a minute at least and half an hour at most.
type nodes struct {
	mu   sync.Mutex
	all  []*elastictransport.Connection
	out  []leftOut // by position in all
	turn int
}

// leftOut is for how long an address is passed over; the zero value: it is not.
type leftOut struct {
	until time.Time
	times int  // without an answer, in a row
	tried bool // by one request, whose answer decides
}

const (
	firstOut = time.Second
	lastOut  = 15 * time.Second
)

var _ elastictransport.ConcurrentSafeConnectionPool = (*nodes)(nil)

func newNodes(all []*elastictransport.Connection, _ elastictransport.Selector) elastictransport.ConnectionPool {
	return &nodes{all: all, out: make([]leftOut, len(all))}
}

// ConcurrentSafe says so to the client library.
func (*nodes) ConcurrentSafe() {}

// Next is the next address that is not left out; if all are, the one that would be back first.
func (n *nodes) Next() (*elastictransport.Connection, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, soonest := time.Now(), n.turn%len(n.all)
	for i := range n.all {
		at := (n.turn + i) % len(n.all)
		if !now.Before(n.out[at].until) {
			n.turn = at + 1
			if n.out[at].times > 0 { // one request tries it, the others go elsewhere until that has an answer
				n.out[at].until, n.out[at].tried = now.Add(n.pause(at)), true
			}
			return n.all[at], nil
		}
		if n.out[at].until.Before(n.out[soonest].until) {
			soonest = at
		}
	}
	n.turn = soonest + 1
	return n.all[soonest], nil
}

func (n *nodes) pause(at int) time.Duration {
	return min(firstOut<<min(n.out[at].times, 8), lastOut)
}

// OnSuccess takes an address back.
func (n *nodes) OnSuccess(c *elastictransport.Connection) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.out[n.at(c)] = leftOut{}
	return nil
}

// OnFailure leaves an address out. Requests that were under way when it was left out already
// say nothing new.
func (n *nodes) OnFailure(c *elastictransport.Connection) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, now := n.at(c), time.Now()
	if out := &n.out[at]; out.tried || !now.Before(out.until) {
		out.until, out.tried = now.Add(n.pause(at)), false
		out.times++
	}
	return nil
}

// URLs are all of them.
func (n *nodes) URLs() []*url.URL {
	urls := make([]*url.URL, len(n.all))
	for i, c := range n.all {
		urls[i] = c.URL
	}
	return urls
}

func (n *nodes) at(c *elastictransport.Connection) int {
	for i := range n.all {
		if n.all[i] == c {
			return i
		}
	}
	return 0 // the library gives back only what it was given
}
