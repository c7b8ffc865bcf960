package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Stack is a set of servers that were started together. Its methods may be
// called from any goroutine; calls for the same server wait for each other.
type Stack struct {
	opts       Options
	account    account
	dir        string
	lock       *fileLock
	waits      errgroup.Group // one goroutine waits for each process
	progressMu sync.Mutex     // one Progress call at a time
	close      func() error   // once
	servers    map[Kind]*server
}

// server is one server of a stack, running or not.
type server struct {
	mu      sync.Mutex
	node    node
	program program
	created bool     // has its folder, ports and configuration
	proc    *process // nil before the first start
	ready   bool     // has answered at least once
	closed  bool     // never starts again
}

// Start starts the servers that opts names and waits until each answers. They
// end when Close is called or this process ends, unless opts.Keep is set. When
// Start fails it has stopped what it had started.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	s, err := newStack(ctx, opts)
	if err != nil {
		return nil, err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, k := range opts.Servers {
		g.Go(func() error { return s.Start(gctx, k) })
	}
	err = g.Wait()
	if err == nil && opts.Keep {
		err = s.writeKept()
	}
	if err != nil {
		s.opts.Keep = false
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newStack makes a stack without a running server.
func newStack(ctx context.Context, opts Options) (*Stack, error) {
	who, err := pickAccount()
	if err != nil {
		return nil, err
	}
	f, err := findFolders(who)
	if err != nil {
		return nil, err
	}
	s := &Stack{opts: opts, account: who, servers: map[Kind]*server{}}
	s.close = sync.OnceValue(s.end)
	if s.dir, s.lock, err = f.newStack(ctx, who); err != nil {
		return nil, err
	}
	for _, k := range opts.Servers {
		s.servers[k] = &server{
			program: newProgram(k),
			node:    node{kind: k, dir: filepath.Join(s.dir, string(k)), account: who, cache: f.cache, opts: opts},
		}
	}
	return s, nil
}

// Dir is the folder with the data and logs of the stack.
func (s *Stack) Dir() string { return s.dir }

// Log is the file with what a server printed.
func (s *Stack) Log(k Kind) string { return filepath.Join(s.dir, string(k), "log.txt") }

// Addresses says where the servers listen that were ready at least once.
func (s *Stack) Addresses() Addresses {
	var a Addresses
	for _, srv := range s.servers {
		srv.mu.Lock()
		if srv.ready {
			srv.program.traits(&srv.node).export(&a)
		}
		srv.mu.Unlock()
	}
	return a
}

func (s *Stack) server(k Kind) (*server, error) {
	srv := s.servers[k]
	if srv == nil {
		return nil, fmt.Errorf("devstack: server %q is not part of this stack", k)
	}
	return srv, nil
}

// Start starts a server of the stack if it does not run, with the data and the
// port it had, and waits until it answers.
func (s *Stack) Start(ctx context.Context, k Kind) error {
	srv, err := s.server(k)
	if err != nil {
		return err
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed {
		return fmt.Errorf("devstack: %s cannot start: its stack is closed", k)
	}
	// It may have died a moment ago, which nobody has noticed yet.
	if srv.proc != nil && srv.ready && srv.proc.running() {
		if err := awaitReady(ctx, srv); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return s.start(ctx, srv)
}

func (s *Stack) start(ctx context.Context, srv *server) error {
	begin := time.Now()
	n, p := &srv.node, srv.program
	report := func(step Step, detail string) {
		if s.opts.Progress != nil {
			s.progressMu.Lock()
			defer s.progressMu.Unlock()
			s.opts.Progress(Progress{Server: n.kind, Step: step, Detail: detail, Elapsed: time.Since(begin)})
		}
	}
	n.fetching = func() { report(Fetching, string(n.kind)) }
	what, err := p.find(ctx, n)
	if err != nil {
		return err
	}
	report(Starting, what)
	if !srv.created {
		if err := n.create(ctx, p); err != nil {
			return err
		}
		srv.created = true
	}
	if srv.proc != nil {
		if err := srv.proc.kill(); err != nil { // what a crash may have left of its group
			return err
		}
	}
	proc, err := launch(ctx, n, p.command(n), s.lock)
	if err != nil {
		return err
	}
	srv.proc = proc
	s.waits.Go(func() error { proc.wait(); return nil })
	if err := awaitReady(ctx, srv); err != nil {
		return errors.Join(err, srv.proc.kill())
	}
	srv.ready = true
	report(Ready, p.traits(n).address)
	return nil
}

// create makes the folder of a node; a failed attempt leaves nothing behind.
func (n *node) create(ctx context.Context, p program) error {
	for i := range n.ports {
		var err error
		if n.ports[i], err = freePort(); err != nil {
			return err
		}
	}
	err := n.account.makeFolder(n.dir)
	if err == nil {
		err = p.prepare(ctx, n)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(n.dir))
	}
	return nil
}

// awaitReady asks until the server answers, ends or takes too long.
func awaitReady(ctx context.Context, srv *server) error {
	const limit = 4 * time.Minute // on a busy machine
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it did not answer within %v", limit))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := tryReady(ctx, srv)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // an interrupted try tells nothing
			last = err
		}
		var why error
		select {
		case <-tick.C:
			continue
		case <-srv.proc.exited:
			why = errors.New("it " + srv.proc.state)
		case <-ctx.Done():
			why = fmt.Errorf("%w (last answer: %w)", context.Cause(ctx), last)
		}
		return fmt.Errorf("devstack: %s did not start: %w; the end of its log:\n%s", srv.node.kind, why, tail(srv.node.log(), 30))
	}
}

func tryReady(ctx context.Context, srv *server) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return srv.program.ready(ctx, &srv.node)
}

// Stop ends a server in order, as a planned restart does; by force after 30
// seconds or when ctx ends. It is not an error if it does not run.
func (s *Stack) Stop(ctx context.Context, k Kind) error {
	srv, err := s.server(k)
	if err != nil {
		return err
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.proc == nil {
		return nil
	}
	return srv.proc.stop(srv.program.traits(&srv.node).stop, 30*time.Second, ctx.Done())
}

// Kill ends a server at once, as by kill -9.
func (s *Stack) Kill(k Kind) error {
	srv, err := s.server(k)
	if err != nil {
		return err
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.proc == nil {
		return nil
	}
	return srv.proc.kill()
}

// Close ends all servers and removes their data. A stack that is kept lives on.
// Further calls return what the first returned.
func (s *Stack) Close() error { return s.close() }

func (s *Stack) end() error {
	var errs []error
	for _, srv := range s.servers {
		srv.mu.Lock()
		srv.closed = true
		if srv.proc != nil && !s.opts.Keep {
			errs = append(errs, srv.proc.stop(srv.program.traits(&srv.node).quit, 10*time.Second, nil))
		}
		srv.mu.Unlock()
	}
	if !s.opts.Keep {
		errs = append(errs, s.waits.Wait(), os.RemoveAll(s.dir))
	}
	return errors.Join(append(errs, s.lock.unlock())...)
}
