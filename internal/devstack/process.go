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
// end when the starter dies, however it dies. QUIT lets PostgreSQL end its
// sessions, which are not in the group; Java ignores it.
const watcher = `trap '' INT TERM HUP QUIT; read _; kill -QUIT 0; sleep 1; kill -KILL 0`

// process is one run of a server.
type process struct {
	cmd    *exec.Cmd
	group  int
	watch  *exec.Cmd      // nil if the server may outlive us
	leash  io.WriteCloser // the pipe
	exited chan struct{}  // closed when cmd has ended
	state  string         // how it ended; valid after exited
}

// launch starts cmd with its output appended to the file log.
// Each launch wants one call of wait, from a goroutine of its own.
func launch(cmd *exec.Cmd, who account, log string, held *fileLock, keep bool) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	defer out.Close() //nolint:errcheck // the server has its own descriptor
	p := &process{cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{held.f}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who.credential(), Setsid: keep}
	if !keep {
		p.watch = exec.Command("/bin/sh", "-c", watcher)
		p.watch.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if p.leash, err = p.watch.StdinPipe(); err != nil {
			return nil, fmt.Errorf("devstack: %w", err)
		}
		if err := p.watch.Start(); err != nil {
			return nil, fmt.Errorf("devstack: start watcher: %w", err)
		}
		p.group = p.watch.Process.Pid
		cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pgid = true, p.group
	}
	if err := cmd.Start(); err != nil {
		err = fmt.Errorf("devstack: start %s: %w", cmd.Path, err)
		return nil, errors.Join(err, p.release())
	}
	if keep {
		p.group = cmd.Process.Pid
	}
	return p, nil
}

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

// stop ends the server in order, or by force if it takes too long.
func (p *process) stop(ctx context.Context, sig syscall.Signal) error {
	if p.running() {
		if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("devstack: stop server: %w", err)
		}
	}
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	select {
	case <-p.exited:
	case <-late.C:
	case <-ctx.Done():
	}
	return p.kill()
}

// kill ends the whole process group at once.
func (p *process) kill() error {
	if p.watch == nil && !p.running() {
		return nil // the number of the group may be another's by now
	}
	err := syscall.Kill(-p.group, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM) && !p.running() {
		err = nil
	}
	<-p.exited
	return errors.Join(err, p.release())
}

// release ends the watcher.
func (p *process) release() error {
	if p.watch == nil {
		return nil
	}
	err := p.watch.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	var exit *exec.ExitError
	if werr := p.watch.Wait(); werr != nil && !errors.As(werr, &exit) {
		err = errors.Join(err, werr)
	}
	p.watch = nil
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
