package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// fileLock is an exclusive flock. The kernel drops it when the last process
// that has the open file ends, so a crash never leaves it behind.
type fileLock struct{ f *os.File }

// tryLock returns nil without an error if somebody else has the lock.
func tryLock(path string) (*fileLock, error) { return flock(path, os.O_CREATE|os.O_RDWR) }

// tryExisting is tryLock for a file that its owner may be removing.
func tryExisting(path string) (*fileLock, error) { return flock(path, os.O_RDWR) }

func flock(path string, flags int) (*fileLock, error) {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("devstack: open lock: %w", err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return &fileLock{f}, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, f.Close()
	default:
		return nil, errors.Join(fmt.Errorf("devstack: lock %s: %w", path, err), f.Close())
	}
}

// lockAny waits until one of the paths is free. It asks again and again since a
// blocking flock could not be given up when ctx ends.
func lockAny(ctx context.Context, paths ...string) (*fileLock, error) {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, path := range paths {
			if l, err := tryLock(path); l != nil || err != nil {
				return l, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("devstack: wait for lock %s: %w", paths[0], context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// unlock closes the file; a child that inherited it keeps the lock.
func (l *fileLock) unlock() error { return l.f.Close() }
