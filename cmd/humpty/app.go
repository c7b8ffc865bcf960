package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// app is one invocation: its streams, its flags, and what it answers.
type app struct {
	in  io.Reader
	out *sink // results
	err io.Writer

	inTerminal, outTerminal, errTerminal bool

	env     func(string) (string, bool)
	signals <-chan os.Signal // nil: none are watched
	exit    func(int)        // ends the process, at a second signal

	flags   flags
	origins map[string]string             // flags that the environment set, and the variable
	stays   atomic.Bool                   // a verb runs that a lost terminal does not stop
	began   bool                          // a verb runs: what goes wrong from now on is no usage error
	result  result                        // the last line of --json
	status  atomic.Pointer[func() string] // how far the running verb is
}

// run executes the arguments and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		a.watch(cancel, done)
		return nil
	})
	code := a.execute(ctx, args)
	close(done)
	_ = group.Wait() // watch gives no error
	return code
}

func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would take the process's own
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.began {
		err = asUsage(err)
		a.flags.json = a.flags.json || slices.Contains(args, "--json") // it may stand behind what is wrong
	}
	if cmd != nil && cmd != root {
		a.result.Verb = strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ") // dlq list
	}
	return a.finish(ctx, err)
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal os.Signal }

func (i *interrupted) Error() string { return interruptedBy + i.signal.String() }

const interruptedBy = "interrupted by "

// Is lets an interruption pass for a cancelled context, which it is.
func (i *interrupted) Is(target error) bool { return target == context.Canceled }

// watch answers signals: the first one stops the run in good order, the second one
// ends the process, and one of its own kind asks how far it is.
func (a *app) watch(cancel context.CancelCauseFunc, done <-chan struct{}) {
	var first *interrupted
	for {
		select {
		case <-done:
			return
		case s := <-a.signals:
			switch {
			case asksForStatus(s):
				text := "running"
				if f := a.status.Load(); f != nil {
					text = (*f)()
				}
				fmt.Fprintf(a.err, "status    %s\n", text)
			case leaves(s) && a.stays.Load():
			case s == syscall.SIGPIPE: // as without us
				a.exit(signalCode(s))
				return
			case first == nil:
				first = &interrupted{s}
				fmt.Fprintln(a.err, "stopping  what was begun is being left in good order; a second signal ends it at once")
				cancel(first)
			default:
				a.exit(signalCode(first.signal))
				return
			}
		}
	}
}

// sink remembers that something could not be written, so that a full disk or a closed
// pipe does not end in success.
type sink struct {
	to io.Writer

	mu     sync.Mutex // several runs may print at once
	failed error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.to.Write(p)
	if err != nil && s.failed == nil {
		s.failed = err
	}
	return n, err
}
