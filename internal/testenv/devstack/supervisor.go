package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// supervisor owns the shared stack and serves it to clients until none is left.
type supervisor struct {
	stack    *Stack
	listener net.Listener
	linger   time.Duration
	end      context.CancelFunc

	mu      sync.Mutex
	clients int
	held    bool
	idle    *time.Timer // runs while there are no clients

	progress sync.Mutex
	watchers map[chan Progress]bool
}

// Supervise serves the shared stack on a listening unix socket. It returns when
// the last client has been gone for linger, when a client asks for the end, or
// when ctx ends; the servers have ended then. It leaves the listener open if it
// could not begin: clients that wait are told when the process ends, after its
// error is in its log.
func Supervise(ctx context.Context, listener net.Listener, version string, linger time.Duration) error {
	if own, err := sourceVersion(); err != nil || own != version {
		err = errors.Join(err, fmt.Errorf("devstack: the code of devstack changed while the supervisor was built (%s is not %s): run it again", own, version))
		return errors.Join(err, removeProgram(version))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &supervisor{listener: listener, linger: linger, end: cancel, watchers: map[chan Progress]bool{}}
	stack, err := newStack(ctx, Options{
		Servers:  Kinds(),
		Config:   map[Kind][]string{KindElasticsearch: sharedSearch(), KindOpenSearch: sharedSearch()},
		Progress: s.broadcast,
	})
	if err != nil {
		return err
	}
	s.stack = stack
	s.idle = time.AfterFunc(max(linger, 10*time.Second), s.expire) // the first client is on its way
	defer s.idle.Stop()

	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-gctx.Done()
		return listener.Close()
	})
	g.Go(func() error {
		defer cancel()
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("devstack: accept: %w", err)
			}
			g.Go(func() error { s.serve(gctx, conn); return nil })
		}
	})
	return errors.Join(g.Wait(), stack.Close())
}

// sharedSearch keeps a nearly full disk from failing tests that are not about
// disks.
func sharedSearch() []string {
	return []string{"cluster.routing.allocation.disk.threshold_enabled: false"}
}

// expire ends the supervisor unless a client came in the meantime. A client that
// connects too late finds its connection closed without an answer and starts
// another supervisor.
func (s *supervisor) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients == 0 && !s.held {
		s.end()
	}
}

func (s *supervisor) addClient(hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients++
	s.held = s.held || hold
	s.idle.Stop()
}

func (s *supervisor) removeClient() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients--; s.clients == 0 {
		s.idle.Reset(s.linger)
	}
}

// serve answers one client and waits until it is gone.
func (s *supervisor) serve(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // nobody is left to tell
	defer stop()
	defer conn.Close() // nobody is left to tell

	var req request
	if json.NewDecoder(conn).Decode(&req) != nil {
		return // a client that hung up, or none of ours
	}
	out := json.NewEncoder(conn)
	switch req.Action {
	case actStart, actHold:
		s.addClient(req.Action == actHold)
		defer s.removeClient()
		if out.Encode(s.start(ctx, out, req.Servers)) == nil {
			_, _ = conn.Read(make([]byte, 1)) // until the client ends
		}
	case actStatus:
		_ = out.Encode(reply{Done: true, Status: s.status()})
	case actDown:
		stop() // this connection stays until there is an answer
		r := reply{Done: true, Status: s.status()}
		s.end()
		if err := s.stack.Close(); err != nil {
			r.Error = err.Error()
		}
		_ = out.Encode(r)
	default:
		_ = out.Encode(reply{Done: true, Error: fmt.Sprintf("devstack: unknown action %q", req.Action)})
	}
}

// start brings up servers and passes on their progress. A client that goes away
// does not interrupt it: another may wait for the same server.
func (s *supervisor) start(ctx context.Context, out *json.Encoder, kinds []Kind) reply {
	events := make(chan Progress, 64)
	s.watch(events, true)
	defer s.watch(events, false)
	var g, pass errgroup.Group
	pass.Go(func() error {
		for p := range events {
			_ = out.Encode(reply{Progress: &p})
		}
		return nil
	})
	errs := make([]error, len(kinds))
	for i, k := range kinds {
		g.Go(func() error {
			errs[i] = s.stack.Start(ctx, k)
			return nil
		})
	}
	_ = g.Wait()
	s.watch(events, false)
	close(events)
	_ = pass.Wait()
	r := reply{Done: true, Addresses: s.stack.Addresses()}
	if err := errors.Join(errs...); err != nil {
		r.Error = err.Error()
	}
	return r
}

func (s *supervisor) watch(events chan Progress, on bool) {
	s.progress.Lock()
	defer s.progress.Unlock()
	if on {
		s.watchers[events] = true
	} else {
		delete(s.watchers, events)
	}
}

// broadcast never waits: a client that does not read loses progress, not more.
func (s *supervisor) broadcast(p Progress) {
	s.progress.Lock()
	defer s.progress.Unlock()
	for events := range s.watchers {
		select {
		case events <- p:
		default:
		}
	}
}

func (s *supervisor) status() *Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Status{
		Supervisor: os.Getpid(), Dir: s.stack.Dir(), Clients: s.clients, Held: s.held, Linger: s.linger,
		Addresses: s.stack.Addresses(), Servers: s.stack.status(),
	}
}
