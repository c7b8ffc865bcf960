package devstack

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const mavenDependency = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:"

// artifact is something that Maven brings and that is verified against a
// checksum written here.
type artifact struct {
	name       string // its folder in the cache
	coordinate string // group:artifact:version:packaging
	file       string // what Maven calls the copy
	sha256     string
	inner      string // an archive in the artifact that holds the rest, if any
}

// fetch returns the folder with the unpacked artifact.
func (a artifact) fetch(ctx context.Context, cache string, fetching func()) (string, error) {
	return fetchOnce(ctx, cache, a.name, fetching, func(tmp string) error {
		if err := maven(ctx, a.name, tmp, mavenDependency+"copy", "-Dartifact="+a.coordinate, "-DoutputDirectory="+tmp); err != nil {
			return err
		}
		file := filepath.Join(tmp, a.file)
		if err := verify(file, a.sha256); err != nil {
			return err
		}
		spent := []string{file}
		err := unzip(file, tmp)
		if err == nil && a.inner != "" {
			inner := filepath.Join(tmp, a.inner)
			spent = append(spent, inner)
			err = untar(ctx, inner, tmp)
		}
		if err != nil {
			return fmt.Errorf("devstack: unpack %s: %w", a.name, err)
		}
		for _, f := range spent {
			if err := os.Remove(f); err != nil {
				return fmt.Errorf("devstack: %w", err)
			}
		}
		return nil
	})
}

// fetchOnce makes the folder name in the cache if it is not there: fill fills a
// temporary one, which gets its name when it is complete.
func fetchOnce(ctx context.Context, cache, name string, fetching func(), fill func(tmp string) error) (string, error) {
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	l, err := lockAny(ctx, filepath.Join(cache, "fetch.lock"))
	if err != nil {
		return "", err
	}
	defer l.unlock() //nolint:errcheck // nothing was written
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // somebody else brought it meanwhile
	}
	if err := removeAll(filepath.Join(cache, fetchPrefix+"*")); err != nil { // of a process that was killed
		return "", err
	}
	fetching()
	tmp, err := os.MkdirTemp(cache, fetchPrefix)
	if err != nil {
		return "", fmt.Errorf("devstack: %w", err)
	}
	err = fill(tmp)
	if err == nil {
		err = makeReadable(tmp)
	}
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(tmp))
	}
	return dir, nil
}

const fetchPrefix = "fetching-"

func removeAll(pattern string) error {
	found, err := filepath.Glob(pattern)
	errs := []error{err}
	for _, path := range found {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// maven runs mvn with strict checksums.
func maven(ctx context.Context, what, dir string, args ...string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("devstack: %s is not in the cache and Maven (mvn), which brings it, is not on PATH: install Maven (Debian and Ubuntu: apt-get install maven; macOS: brew install maven)", what)
	}
	cmd := exec.CommandContext(ctx, mvn, append([]string{"--batch-mode", "--quiet", "--strict-checksums"}, args...)...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second // for children that keep the output open
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("devstack: Maven could not bring %s: %w: check the network and Maven's settings:\n%s", what, err, out)
	}
	return nil
}

func verify(file, want string) error {
	got, err := fileSum(file)
	if err != nil {
		return err
	}
	return compare(filepath.Base(file), got, want)
}

// verifyAll is verify for a folder of files: the checksum is that of the lines
// that `sha256sum *` prints.
func verifyAll(dir, want string) error {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	h := sha256.New()
	for _, e := range entries {
		sum, err := fileSum(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s  %s\n", sum, e.Name())
	}
	return compare(fmt.Sprintf("the set of %d files in %s", len(entries), filepath.Base(dir)), hex.EncodeToString(h.Sum(nil)), want)
}

func compare(what, got, want string) error {
	if got != want {
		return fmt.Errorf("devstack: %s has the SHA-256 %s, not %s: it is not what this version of humpty was tried with; remove it from Maven's local repository and try again", what, got, want)
	}
	return nil
}

func fileSum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("devstack: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("devstack: read %s: %w", file, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func unzip(file, dir string) error {
	r, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	return os.CopyFS(dir, r)
}

// makeReadable opens a tree to the account that the servers run as, whatever the
// umask is.
func makeReadable(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}
