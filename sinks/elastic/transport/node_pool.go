package transport

import (
	"net/url"
	"sync"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// nodePool is the addresses, asked in turn. One that does not answer is left out for a while,
// longer each time, and taken back with the first request after it: the client library's own
// pool leaves it out for a minute at least and half an hour at most.
type nodePool struct {
	mu        sync.Mutex
	all       []*elastictransport.Connection
	cooldowns []cooldown // by position in all
	turn      int
}

// cooldown is for how long an address is passed over; the zero value: it is not.
type cooldown struct {
	until    time.Time
	failures int  // requests without an answer, in a row
	onTrial  bool // one request is under way to it, whose answer decides
}

const (
	firstCooldown   = time.Second
	longestCooldown = 15 * time.Second
)

var _ elastictransport.ConcurrentSafeConnectionPool = (*nodePool)(nil)

func newNodePool(all []*elastictransport.Connection, _ elastictransport.Selector) elastictransport.ConnectionPool {
	return &nodePool{all: all, cooldowns: make([]cooldown, len(all))}
}

// ConcurrentSafe says so to the client library.
func (*nodePool) ConcurrentSafe() {}

// Next is the next address that is not left out; if all are, the one that would be back first.
func (n *nodePool) Next() (*elastictransport.Connection, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, soonest := time.Now(), n.turn%len(n.all)
	for i := range n.all {
		at := (n.turn + i) % len(n.all)
		if !now.Before(n.cooldowns[at].until) {
			n.turn = at + 1
			if n.cooldowns[at].failures > 0 { // one request tries it, the others go elsewhere until that has an answer
				n.cooldowns[at].until, n.cooldowns[at].onTrial = now.Add(n.pause(at)), true
			}
			return n.all[at], nil
		}
		if n.cooldowns[at].until.Before(n.cooldowns[soonest].until) {
			soonest = at
		}
	}
	n.turn = soonest + 1
	return n.all[soonest], nil
}

func (n *nodePool) pause(at int) time.Duration {
	return min(firstCooldown<<min(n.cooldowns[at].failures, 8), longestCooldown)
}

// OnSuccess takes an address back.
func (n *nodePool) OnSuccess(c *elastictransport.Connection) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cooldowns[n.at(c)] = cooldown{}
	return nil
}

// OnFailure leaves an address out. Requests that were under way when it was left out already
// say nothing new.
func (n *nodePool) OnFailure(c *elastictransport.Connection) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, now := n.at(c), time.Now()
	if out := &n.cooldowns[at]; out.onTrial || !now.Before(out.until) {
		out.until, out.onTrial = now.Add(n.pause(at)), false
		out.failures++
	}
	return nil
}

// URLs are all of them.
func (n *nodePool) URLs() []*url.URL {
	urls := make([]*url.URL, len(n.all))
	for i, c := range n.all {
		urls[i] = c.URL
	}
	return urls
}

func (n *nodePool) at(c *elastictransport.Connection) int {
	for i := range n.all {
		if n.all[i] == c {
			return i
		}
	}
	return 0 // the library gives back only what it was given
}
