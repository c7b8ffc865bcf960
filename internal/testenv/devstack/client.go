package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// A client and the supervisor exchange JSON values over a unix socket: one
// request, then replies, of which only the last has Done. The connection of a
// client that asked for servers is its claim on them: while it is open the
// supervisor stays.

type action string

const (
	actStart  action = "start"  // bring up Servers
	actHold   action = "hold"   // bring up Servers, and stay without clients
	actStatus action = "status" // tell what runs
	actDown   action = "down"   // end at once
)

type request struct {
	Action  action `json:"action"`
	Servers []Kind `json:"servers,omitempty"`
}

type reply struct {
	Progress  *Progress `json:"progress,omitempty"`
	Done      bool      `json:"done,omitempty"`
	Error     string    `json:"error,omitempty"`
	Addresses Addresses `json:"addresses"`
	Status    *Status   `json:"status,omitempty"`
}

// shared is the way to the supervisor of the user's shared stack.
type shared struct {
	folders folders
	version string
	dir     string        // the supervisor's: its socket, its log
	linger  time.Duration // for a supervisor that this client starts
}

const defaultLinger = time.Minute

func findShared() (*shared, error) {
	f, err := myFolders()
	if err != nil {
		return nil, err
	}
	return sharedIn(f)
}

func sharedIn(f folders) (*shared, error) {
	v, err := sourceVersion()
	if err != nil {
		return nil, err
	}
	return &shared{folders: f, version: v, dir: filepath.Join(f.state, sharedPrefix+v), linger: defaultLinger}, nil
}

const sharedPrefix = "shared-"

func (s *shared) socket() string { return filepath.Join(s.dir, "socket") }

func (s *shared) log() string { return filepath.Join(s.dir, "log.txt") }

// errSupervisorEnded says that the supervisor ended before it answered.
var errSupervisorEnded = errors.New("the supervisor of the shared stack ended")

// start asks for servers. Until the returned connection is closed, or this
// process ends, they stay.
func (s *shared) start(ctx context.Context, act action, kinds []Kind, progress func(Progress)) (io.Closer, Addresses, error) {
	var err error
	for range 3 { // a supervisor may just be leaving
		var conn net.Conn
		if conn, err = s.connect(ctx); err != nil {
			return nil, Addresses{}, err
		}
		var r reply
		r, err = exchange(ctx, conn, request{Action: act, Servers: kinds}, progress)
		if err == nil {
			return conn, r.Addresses, nil
		}
		err = errors.Join(err, conn.Close())
		if !errors.Is(err, errSupervisorEnded) {
			break
		}
	}
	if errors.Is(err, errSupervisorEnded) {
		err = fmt.Errorf("%w; the end of its log:\n%s", err, tail(s.log(), 20))
	}
	return nil, Addresses{}, err
}

// exchange sends a request and reads the replies to it.
func exchange(ctx context.Context, conn net.Conn, req request, progress func(Progress)) (reply, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // reported below
	defer stop()
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return reply{}, fmt.Errorf("devstack: %w: %w", errSupervisorEnded, err)
	}
	in := json.NewDecoder(conn)
	for {
		var r reply
		if err := in.Decode(&r); err != nil {
			if ctx.Err() != nil {
				return r, fmt.Errorf("devstack: wait for the shared stack: %w", context.Cause(ctx))
			}
			return r, fmt.Errorf("devstack: %w: %w", errSupervisorEnded, err)
		}
		switch {
		case r.Error != "":
			return r, errors.New(r.Error)
		case r.Done:
			return r, nil
		case r.Progress != nil && progress != nil:
			progress(*r.Progress)
		}
	}
}

// connect reaches the supervisor and starts it if there is none. Of all
// processes that come at the same time one does so.
func (s *shared) connect(ctx context.Context) (net.Conn, error) {
	if conn, err := net.Dial("unix", s.socket()); err == nil {
		return conn, nil
	}
	l, err := lockAny(ctx, filepath.Join(s.folders.state, "supervisor.lock"))
	if err != nil {
		return nil, err
	}
	defer l.unlock() //nolint:errcheck // nothing was written
	if conn, err := net.Dial("unix", s.socket()); err == nil {
		return conn, nil
	}
	if err := s.spawn(ctx); err != nil {
		return nil, err
	}
	conn, err := net.Dial("unix", s.socket())
	if err != nil {
		return nil, fmt.Errorf("devstack: reach the supervisor: %w; the end of its log:\n%s", err, tail(s.log(), 20))
	}
	return conn, nil
}

// spawn starts the supervisor in a session of its own, with nothing of ours but
// a socket that listens already, so that nobody has to wait until it does.
func (s *shared) spawn(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	if len(s.socket()) > 103 {
		return fmt.Errorf("devstack: the path %s is too long for a unix socket: set HUMPTY_DEVSTACK to a shorter folder", s.socket())
	}
	program, err := s.build(ctx)
	if err != nil {
		return err
	}
	if err := s.folders.removeUnused(); err != nil {
		return err
	}
	if err := os.Remove(s.socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("devstack: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.socket(), Net: "unix"})
	if err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	defer listener.Close() //nolint:errcheck // the supervisor has its own descriptor
	file, err := listener.File()
	if err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	defer file.Close()
	log, err := os.Create(s.log())
	if err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(program, "supervise", "--version", s.version, "--linger", s.linger.String())
	cmd.Dir = s.folders.state
	cmd.Env = append(os.Environ(), "HUMPTY_CACHE="+s.folders.cache, "HUMPTY_DEVSTACK="+s.folders.state)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("devstack: start the supervisor: %w", err)
	}
	return cmd.Process.Release()
}

// removeProgram removes a supervisor's program that is not what its name says.
func removeProgram(version string) error {
	f, err := myFolders()
	if err != nil {
		return err
	}
	return os.Remove(f.supervisor(version))
}

// build makes the supervisor's program, once for each version of the code.
func (s *shared) build(ctx context.Context) (string, error) {
	program := s.folders.supervisor(s.version)
	now := time.Now()
	if os.Chtimes(program, now, now) == nil { // it is there, and used: see tidy
		return program, nil
	}
	_, here, _, _ := runtime.Caller(0)
	tmp := program + ".new"
	cmd := exec.CommandContext(ctx, "go", "build", "-o", tmp, "humpty/internal/testenv/devstack/cmd")
	if dir := filepath.Dir(here); filepath.IsAbs(dir) { // not with -trimpath: then it is where the test runs
		cmd.Dir = dir
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("devstack: build the supervisor of the shared stack: %w:\n%s", err, out)
	}
	if err := os.Rename(tmp, program); err != nil {
		return "", fmt.Errorf("devstack: %w", err)
	}
	return program, nil
}
