package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A stack that is kept has no process that owns it: its folder says what runs,
// its servers hold the folder's lock, and each has a named pipe to end it.

const keptFile = "kept.json"

// remember writes down what is kept.
func (s *Stack) remember() error {
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
