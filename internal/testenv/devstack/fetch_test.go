package devstack

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
)

func TestBringFillsOnceForAllWhoAsk(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	var fills atomic.Int32
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			dir, err := fetchOnce(t.Context(), cache, "thing-1", func() {}, func(tmp string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(tmp, "file"), nil, 0o600)
			})
			if err == nil {
				_, err = os.Stat(filepath.Join(dir, "file"))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil || fills.Load() != 1 {
		t.Fatalf("filled %d times, %v; want once", fills.Load(), err)
	}
	info, err := os.Stat(filepath.Join(cache, "thing-1", "file"))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Fatalf("the file is %v, %v; want it readable by the servers' account", info.Mode(), err)
	}
}

func TestBringLeavesNothingOfAFailure(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	stale := filepath.Join(cache, fetchPrefix+"of-a-killed-process")
	if err := os.Mkdir(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection lost")
	_, err := fetchOnce(t.Context(), cache, "thing-1", func() {}, func(tmp string) error {
		return errors.Join(os.WriteFile(filepath.Join(tmp, "half"), nil, 0o600), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v, want %v", err, broken)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "fetch.lock" {
		t.Fatalf("left %v, %v; want only the lock", left, err)
	}
}

func TestVerifyRefusesWhatWasNotTried(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.jar"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	// printf 'abc' >a.jar; sha256sum * | sha256sum
	const all = "67a124bb9d21c423831787336650f06456357f767560ed5141af1df21a2f7543"
	if err := errors.Join(verify(filepath.Join(dir, "a.jar"), abc), verifyAll(dir, all)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{verify(filepath.Join(dir, "a.jar"), all), verifyAll(dir, abc)} {
		if err == nil || !strings.Contains(err.Error(), "SHA-256") || !strings.Contains(err.Error(), "Maven's local repository") {
			t.Errorf("a wrong checksum: %v", err)
		}
	}
}

func TestUnzip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x.zip")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(out)
	head := &zip.FileHeader{Name: "x/bin/run"}
	head.SetMode(0o755)
	if _, err := z.CreateHeader(head); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Create("../outside"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "to")
	if err := unzip(file, to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(to, "x/bin/run")); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the program is %v, %v; want it executable", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "outside")); err == nil {
		t.Error("an entry was written outside the folder")
	}
}

func TestMavenMissingNamesTheRemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := elasticsearch.artifact.fetch(context.Background(), t.TempDir(), func() {})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"elasticsearch-8.19.21", "mvn", "apt-get install maven", "brew install maven"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestMavenFailureShowsWhatItSaid(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "mvn"), []byte("#!/bin/sh\necho no route to repository\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	_, err := elasticsearch.artifact.fetch(t.Context(), t.TempDir(), func() {})
	if err == nil || !strings.Contains(err.Error(), "no route to repository") || !strings.Contains(err.Error(), "check the network") {
		t.Fatalf("error %v", err)
	}
}

func TestEmbeddedPostgresForEachSystem(t *testing.T) {
	t.Parallel()
	for _, system := range [][2]string{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}} {
		if e, ok := embeddedFor(system[0], system[1]); !ok || len(e.sha256) != 64 {
			t.Errorf("%v: %+v, %v", system, e, ok)
		}
	}
	if _, ok := embeddedFor("plan9", "amd64"); ok {
		t.Error("there is none for plan9")
	}
}
