package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// watcher ends a server when whoever started it is gone. It leads the server's
// process group and holds the read end of a pipe: the kernel closes the other
// end when the starter dies, however it dies. A server that is kept has a named
// pipe instead, which `down` opens. QUIT lets PostgreSQL end its sessions, which
// are not in the group; Java ignores it.
const watcher = `trap '' INT TERM HUP QUIT
[ -z "$1" ] || exec <"$1"
read _
kill -QUIT 0
sleep 1
kill -KILL 0`

// process is one run of a server.
type process struct {
	cmd      *exec.Cmd
	watch    *exec.Cmd
	stopPipe io.Closer     // our end of the pipe; nil if the server is kept
	exited   chan struct{} // closed when cmd has ended
	state    string        // how it ended; valid after exited
	reaped   bool          // the watcher has ended too
}

// launch starts a node's program with its output appended to the node's log.
// The server and its children hold two locks: the stack's, whose folder is in
// use while they live, and the node's own, so that the next run waits until the
// last child of this one is gone. Each launch wants one call of wait, from a
// goroutine of its own.
func launch(ctx context.Context, n *node, cmd *exec.Cmd, stack *fileLock) (*process, error) {
	own, err := lockAny(ctx, n.ownFile("lock"))
	if err != nil {
		return nil, err
	}
	defer own.unlock() //nolint:errcheck // the server has its own descriptor
	out, err := os.OpenFile(n.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	defer out.Close() // the server has its own descriptor
	p := &process{cmd: cmd, exited: make(chan struct{})}
	if err := p.startWatcher(n); err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{stack.f, own.f}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: n.account.credential(), Setpgid: true, Pgid: p.group()}
	if err := cmd.Start(); err != nil {
		err = fmt.Errorf("devstack: start %s: %w", cmd.Path, err)
		return nil, errors.Join(err, p.reap())
	}
	return p, nil
}

func (p *process) startWatcher(n *node) error {
	stop := ""
	if n.opts.Keep {
		stop = n.ownFile(stopSuffix)
		if err := syscall.Mkfifo(stop, 0o600); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("devstack: make %s: %w", stop, err)
		}
	}
	p.watch = exec.Command("/bin/sh", "-c", watcher, "sh", stop)
	p.watch.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !n.opts.Keep {
		var err error
		if p.stopPipe, err = p.watch.StdinPipe(); err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
	}
	if err := p.watch.Start(); err != nil {
		return fmt.Errorf("devstack: start watcher: %w", err)
	}
	return nil
}

// group is the process group of the server.
func (p *process) group() int { return p.watch.Process.Pid }

// wait returns when the server has ended.
func (p *process) wait() {
	err := p.cmd.Wait()
	p.state = "ended"
	if err != nil {
		p.state = "ended: " + err.Error()
	}
	close(p.exited)
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop ends the server by a signal, or by force if that takes longer than limit
// or hurry is closed.
func (p *process) stop(sig syscall.Signal, limit time.Duration, hurry <-chan struct{}) error {
	if p.running() {
		if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("devstack: stop server: %w", err)
		}
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.exited:
	case <-late.C:
	case <-hurry:
	}
	return p.kill()
}

// kill ends the whole process group at once.
func (p *process) kill() error {
	if p.reaped {
		return nil // the number of the group may be another's by now
	}
	err := syscall.Kill(-p.group(), syscall.SIGKILL)
	<-p.exited
	return errors.Join(err, p.reap())
}

// reap ends the watcher if it has not ended.
func (p *process) reap() error {
	p.reaped = true
	err := p.watch.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	var exit *exec.ExitError
	if werr := p.watch.Wait(); werr != nil && !errors.As(werr, &exit) {
		err = errors.Join(err, werr)
	}
	return err
}

// tail is the end of a log, for error messages.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
