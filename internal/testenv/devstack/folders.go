package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// folders are where devstack keeps what it brought and what runs.
type folders struct {
	cache string // one folder per server and version, never changed once there
	state string // one folder per stack, and the locks
}

func myFolders() (folders, error) {
	who, err := pickAccount()
	if err != nil {
		return folders{}, err
	}
	return findFolders(who)
}

func findFolders(who account) (folders, error) {
	cache, err := cacheFolder(who)
	if err != nil {
		return folders{}, err
	}
	f := folders{cache: cache, state: os.Getenv("HUMPTY_DEVSTACK")}
	if f.state == "" {
		f.state = filepath.Join(cache, "run")
	}
	mode := os.FileMode(0o700)
	if who.root {
		mode = 0o755 // the servers' account passes through
	}
	for _, dir := range []*string{&f.cache, &f.state} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return folders{}, fmt.Errorf("devstack: %w", err)
		}
		if err := makeFolder(*dir, mode); err != nil {
			return folders{}, fmt.Errorf("devstack: make folder: %w: set HUMPTY_CACHE and HUMPTY_DEVSTACK to folders that can be written", err)
		}
		if err := who.canReach(*dir); err != nil {
			return folders{}, err
		}
	}
	return f, nil
}

// makeFolder gives a new folder its mode whatever the umask is, and leaves one
// that is there as it is.
func makeFolder(dir string, mode os.FileMode) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

// cacheFolder keeps root's cache out of root's home, where the servers' account
// could not enter, and out of folders where others could plant programs.
func cacheFolder(who account) (string, error) {
	switch dir := os.Getenv("HUMPTY_CACHE"); {
	case dir != "":
		return dir, nil
	case who.root && runtime.GOOS == "darwin":
		return "/Library/Caches/humpty", nil
	case who.root:
		return "/var/cache/humpty", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("devstack: no cache folder: %w: set HUMPTY_CACHE", err)
	}
	return filepath.Join(dir, "humpty"), nil
}

const stackPrefix = "stack-"

// newStack makes the folder of a stack and locks it. Its servers inherit the
// lock: as long as one of them lives the folder is in use.
func (f folders) newStack(ctx context.Context, who account) (string, *fileLock, error) {
	guard, err := lockAny(ctx, filepath.Join(f.state, "folders.lock"))
	if err != nil {
		return "", nil, err
	}
	defer guard.unlock() //nolint:errcheck // nothing was written
	if err := f.removeDead(); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(f.state, stackPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("devstack: %w", err)
	}
	if who.root {
		if err := os.Chmod(dir, 0o755); err != nil {
			return "", nil, fmt.Errorf("devstack: %w", err)
		}
	}
	l, err := tryLock(filepath.Join(dir, "lock"))
	return dir, l, err
}

// removeDead removes the folders of stacks that are gone, as after a crash.
func (f folders) removeDead() error {
	dirs, err := f.stacks()
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		l, err := tryExisting(filepath.Join(dir, "lock"))
		switch {
		case l != nil:
			err = errors.Join(os.RemoveAll(dir), l.unlock())
		case errors.Is(err, fs.ErrNotExist): // it is being removed, or was never complete
			err = os.RemoveAll(dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// stacks lists the folders of all stacks.
func (f folders) stacks() ([]string, error) {
	entries, err := os.ReadDir(f.state)
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	var dirs []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stackPrefix) {
			dirs = append(dirs, filepath.Join(f.state, e.Name()))
		}
	}
	return dirs, nil
}

func (f folders) supervisor(version string) string {
	return filepath.Join(f.cache, "supervisor-"+version)
}

// removeUnused removes what supervisors of other versions of the code left, once it has
// not been used for a day.
func (f folders) removeUnused() error {
	var errs []error
	for _, pattern := range []string{f.supervisor("*"), filepath.Join(f.state, sharedPrefix+"*", "socket")} {
		found, err := filepath.Glob(pattern)
		errs = append(errs, err)
		for _, path := range found {
			info, err := os.Stat(path)
			if err != nil || time.Since(info.ModTime()) < 24*time.Hour {
				continue
			}
			if conn, err := net.Dial("unix", path); err == nil {
				errs = append(errs, conn.Close())
				continue // it runs
			}
			if filepath.Base(path) == "socket" {
				path = filepath.Dir(path)
			}
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// awaitTurn waits until the machine has room for these servers.
func (f folders) awaitTurn(ctx context.Context, kinds []Kind, limit time.Duration) (*fileLock, error) {
	paths := []string{filepath.Join(f.state, "private-search.lock")}
	if !slices.ContainsFunc(kinds, Kind.searches) {
		paths = nil
		for i := range 3 {
			paths = append(paths, filepath.Join(f.state, fmt.Sprintf("private-%d.lock", i)))
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("other tests held their private servers for %v: run fewer of them, or with a longer -timeout", limit.Round(time.Second)))
	defer cancel()
	return lockAny(ctx, paths...)
}
