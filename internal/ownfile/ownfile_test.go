//go:build unix

package ownfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"humpty/internal/ownfile"
)

// TestModes: what is made is its owner's alone, whatever the umask is, and what was looser is not
// any more.
func TestModes(t *testing.T) { //nolint:paralleltest // the umask is the process's
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := ownfile.Folder(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "f")
	loose := filepath.Join(dir, "loose")
	if err := os.WriteFile(loose, []byte("kept"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, loose} {
		f, err := ownfile.Open(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		wantMode(t, path, 0o600)
	}
	if text, err := os.ReadFile(loose); err != nil || string(text) != "kept" {
		t.Errorf("%q, %v", text, err)
	}
	wantMode(t, dir, 0o700)
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	if err := ownfile.Folder(dir); err != nil {
		t.Fatal(err)
	}
	wantMode(t, dir, 0o700)
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	about, err := os.Stat(path)
	if err != nil || about.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v (%v)", path, about.Mode().Perm(), want, err)
	}
}

// TestPlanted: a link, a file or a folder that another account put there is refused, and what a
// link leads to is as it was. A link of this account's is followed.
func TestPlanted(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can plant something as another account")
	}
	const other = 12345
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	own, planted, file, folder := filepath.Join(dir, "own"), filepath.Join(dir, "planted"), filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	for _, link := range []string{own, planted} {
		if err := os.Symlink(secret, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{planted, file, folder} {
		if err := os.Lchown(path, other, other); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{planted, file} {
		f, err := ownfile.Open(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
		if err == nil {
			t.Errorf("%s was opened", f.Name())
		} else if !strings.Contains(err.Error(), "another account") {
			t.Error(err)
		}
	}
	for _, path := range []string{folder, planted} {
		if err := ownfile.Folder(path); err == nil || !strings.Contains(err.Error(), "another account") {
			t.Errorf("%s: %v", path, err)
		}
	}
	service := filepath.Join(dir, "service")
	state := filepath.Join(service, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{service, state} {
		if err := os.Lchown(path, other, other); err != nil {
			t.Fatal(err)
		}
	}
	if err := ownfile.Folder(state); err != nil {
		t.Errorf("root may not look at what a service keeps: %v", err)
	}
	f, err := ownfile.Open(own, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "as it was" {
		t.Errorf("%q, %v", text, err)
	}
}
