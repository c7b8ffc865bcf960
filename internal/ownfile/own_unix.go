//go:build unix

package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// owner is whose a file is.
func owner(about fs.FileInfo) (uid int, known bool) {
	if s, ok := about.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), true
	}
	return 0, false
}

// isOwn tells whether what is at a path may be used. Root may also use what belongs to the account
// whose folder it is in: an operator looks at what a service keeps.
func isOwn(path string, about fs.FileInfo) bool {
	uid, known := owner(about)
	if !known || uid == os.Geteuid() {
		return true
	}
	in, err := os.Stat(filepath.Dir(filepath.Clean(path)))
	if err != nil || os.Geteuid() != 0 {
		return false
	}
	of, known := owner(in)
	return known && of == uid
}

// checkLink refuses a link that another account put there, and tells whether there is one.
func checkLink(path string) (link bool, err error) {
	about, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case about.Mode()&fs.ModeSymlink == 0:
		return false, nil
	}
	if uid, known := owner(about); known && uid != 0 && uid != os.Geteuid() {
		return true, fmt.Errorf("%s is a link that another account made: remove it, or name another path", path)
	}
	return true, nil
}

// noFollow has a link not followed that was none when it was looked at.
const noFollow = syscall.O_NOFOLLOW
