package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Status tells what a stack runs that outlives the process that started it.
type Status struct {
	// Supervisor is the process that owns a shared stack; 0 for a stack that was
	// kept, which has none.
	Supervisor int           `json:"supervisor,omitempty"`
	Dir        string        `json:"dir"`
	Clients    int           `json:"clients"`
	Held       bool          `json:"held"`   // stays without clients, until Down
	Linger     time.Duration `json:"linger"` // after the last client, unless Held
	Addresses  Addresses     `json:"addresses"`

	Servers []ServerStatus `json:"servers"`
}

// ServerStatus tells of one server that was started.
type ServerStatus struct {
	Kind    Kind   `json:"kind"`
	Running bool   `json:"running"`
	Group   int    `json:"group"` // the number of its process group
	Address string `json:"address"`
	Log     string `json:"log"`
}

// status tells of each server that was started; one that is busy starting is
// left out.
func (s *Stack) status() []ServerStatus {
	var list []ServerStatus
	for _, k := range Kinds() {
		srv := s.servers[k]
		if srv == nil || !srv.mu.TryLock() {
			continue
		}
		if srv.proc != nil {
			list = append(list, ServerStatus{
				Kind: k, Running: srv.proc.running(), Group: srv.proc.group(),
				Address: srv.program.traits(&srv.node).address, Log: srv.node.log(),
			})
		}
		srv.mu.Unlock()
	}
	return list
}

// Up starts servers of the shared stack and holds it: it stays until Down, with
// or without clients.
func Up(ctx context.Context, kinds []Kind, progress func(Progress)) (Addresses, error) {
	if err := (Options{Servers: kinds}).validate(); err != nil {
		return Addresses{}, err
	}
	s, err := findShared()
	if err != nil {
		return Addresses{}, err
	}
	conn, addresses, err := s.start(ctx, actHold, kinds, progress)
	if err != nil {
		return Addresses{}, err
	}
	return addresses, conn.Close()
}

// Running tells of the user's stacks that outlive their starters: shared ones
// (usually none or one, more after changes to devstack itself) and kept ones.
func Running(ctx context.Context) ([]Status, error) {
	f, err := myFolders()
	if err != nil {
		return nil, err
	}
	return f.each(ctx, actStatus, func(Status) error { return nil })
}

// Down ends the user's shared and kept stacks, whoever uses them. When it
// returns, their servers have ended; the answer says what they were.
func Down(ctx context.Context) ([]Status, error) {
	f, err := myFolders()
	if err != nil {
		return nil, err
	}
	return f.each(ctx, actDown, func(st Status) error { return EndKept(ctx, st.Dir) })
}

// each asks all supervisors and hands each kept stack to kept.
func (f folders) each(ctx context.Context, act action, kept func(Status) error) ([]Status, error) {
	entries, err := os.ReadDir(f.state)
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	var list []Status
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), sharedPrefix) {
			continue
		}
		conn, err := net.Dial("unix", filepath.Join(f.state, e.Name(), "socket"))
		if err != nil {
			continue // it has ended
		}
		r, err := exchange(ctx, conn, request{Action: act}, nil)
		if r.Status != nil {
			list = append(list, *r.Status)
		}
		errs = append(errs, err, conn.Close())
	}
	keptStacks, err := f.kept()
	errs = append(errs, err)
	for _, st := range keptStacks {
		list = append(list, st)
		errs = append(errs, kept(st))
	}
	return list, errors.Join(errs...)
}

// A stack that is kept has no process that owns it: its folder says what runs,
// its servers hold the folder's lock, and each has a named pipe to end it.

const keptFile = "kept.json"

// writeKept writes down what is kept.
func (s *Stack) writeKept() error {
	text, err := json.Marshal(Status{Dir: s.dir, Held: true, Addresses: s.Addresses(), Servers: s.status()})
	if err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, keptFile), text, 0o600); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	return nil
}

// kept lists the kept stacks that live.
func (f folders) kept() ([]Status, error) {
	dirs, err := f.stacks()
	if err != nil {
		return nil, err
	}
	var list []Status
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, keptFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("devstack: %w", err)
		}
		l, err := tryExisting(filepath.Join(dir, "lock"))
		if err == nil && l != nil { // none of its servers lives
			err = l.unlock()
			if err == nil {
				continue
			}
		}
		var st Status
		if err := errors.Join(err, json.Unmarshal(text, &st)); err != nil {
			return nil, fmt.Errorf("devstack: read %s: %w", filepath.Join(dir, keptFile), err)
		}
		list = append(list, st)
	}
	return list, nil
}

// EndKept ends the servers of a stack that was kept, from any process, and
// removes its folder, which is what Stack.Dir said. When it returns they have
// ended.
func EndKept(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, keptFile)); err != nil {
		return fmt.Errorf("devstack: %s is not the folder of a kept stack: %w", dir, err)
	}
	pipes, err := filepath.Glob(filepath.Join(dir, "*."+stopSuffix))
	if err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	for _, pipe := range pipes {
		f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if errors.Is(err, syscall.ENXIO) {
			continue // nobody listens: that server has ended
		}
		if err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
	}
	l, err := lockAny(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), l.unlock())
}
