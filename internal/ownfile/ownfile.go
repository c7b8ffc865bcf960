// Package ownfile makes files and folders that hold documents or ids: only their owner may read
// them, whatever the umask is, and nobody else can have put something else in their place.
package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The modes of what is made here.
const (
	fileMode   fs.FileMode = 0o600
	folderMode fs.FileMode = 0o700
)

// Folder makes a folder, and those above it, if it is not there. One that is there must be this
// account's own, and is closed to all others.
func Folder(path string) error {
	if _, err := checkLink(path); err != nil {
		return err
	}
	if err := os.MkdirAll(path, folderMode); err != nil {
		return err
	}
	about, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !isOwn(path, about):
		return fmt.Errorf("folder %s belongs to another account, which could read and replace what is written there: name another folder, or have it belong to this account", path)
	case !about.IsDir():
		return fmt.Errorf("%s is no folder", path)
	case about.Mode().Perm() != folderMode:
		if err := os.Chmod(path, folderMode); err != nil {
			return fmt.Errorf("close folder %s to others: %w", path, err)
		}
	}
	return nil
}

// Open opens a file as os.OpenFile does, and makes it for its owner alone. One that is there is
// made so: it is an error if it cannot be, or if it is another account's. A link is followed
// only where it is this account's or root's.
func Open(path string, flag int) (*os.File, error) {
	link, err := checkLink(path)
	if err != nil {
		return nil, err
	}
	if !link {
		flag |= noFollow
	}
	file, err := os.OpenFile(path, flag&^os.O_TRUNC, fileMode)
	if err != nil {
		return nil, err
	}
	if err := restrict(file, flag&os.O_TRUNC != 0); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// restrict takes a file from all others, and then empties it if that is asked for; what is no file, as a
// terminal or a pipe, stays as it is.
func restrict(file *os.File, empty bool) error {
	about, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !about.Mode().IsRegular():
		return nil
	case !isOwn(file.Name(), about):
		return fmt.Errorf("file %s belongs to another account, which could read what is written there: name another file", file.Name())
	case about.Mode().Perm()&^fileMode != 0:
		if err := file.Chmod(fileMode); err != nil {
			return err
		}
	}
	if empty {
		return file.Truncate(0)
	}
	return nil
}
