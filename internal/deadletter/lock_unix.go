//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package deadletter

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"humpty/internal/ownfile"
)

// lock waits until no other process writes letters into a folder, or discards some. The lock ends with
// the process.
func lock(dir string) (unlock func() error, err error) {
	f, err := ownfile.Open(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: f.Name(), Err: err}, f.Close())
	}
	return f.Close, nil
}
