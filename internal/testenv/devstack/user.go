package devstack

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who the servers run as. None of them starts as root, so root picks
// another account; everybody else is their own.
type account struct {
	name     string
	uid, gid int
	root     bool // whether devstack itself runs as root
}

func pickAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	names := []string{os.Getenv("SUDO_USER"), "postgres", "_postgres", "nobody"}
	if name := os.Getenv("HUMPTY_USER"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if uerr == nil && gerr == nil && uid > 0 {
			return account{name: name, uid: uid, gid: gid, root: true}, nil
		}
	}
	return account{}, fmt.Errorf("devstack: the servers do not run as root and none of the accounts %q is an ordinary account here: set HUMPTY_USER to one that exists", names)
}

// credential is nil unless the process must change its account.
func (a account) credential() *syscall.Credential {
	if !a.root {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// makeFolder makes dir and gives it to the account, closed to others as PostgreSQL
// demands.
func (a account) makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	return a.chown(dir)
}

// chown hands a file over to the account.
func (a account) chown(path string) error {
	if !a.root {
		return nil
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	return nil
}

// write makes a file that belongs to the account.
func (a account) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	return a.chown(path)
}

// canReach tells whether the account can enter dir, and names the folder in the
// way if not.
func (a account) canReach(dir string) error {
	if !a.root {
		return nil
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("devstack: account %s, which the servers run as, cannot enter %s: set HUMPTY_CACHE and HUMPTY_DEVSTACK to folders that it can", a.name, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
