package assemble

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/internal/problem"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
)

const (
	aRun  = "20261130t010203-abcdef"
	other = "20261130t010203-ghijkl"
)

// treeOf is every file and folder below a path: its kind, and its content.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s", path, d.Type())
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			fmt.Fprintf(&b, " %s %v", to, err)
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(data))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// begin makes the state of a run, as a process leaves it that was killed.
func begin(t *testing.T, s State, projection, run string) {
	t.Helper()
	store, err := s.Begin(projection, run)
	if err != nil {
		t.Fatal(err)
	}
	j, err := checkpoint.ReadJournal(store)
	if err == nil {
		err = j.Begin(checkpoint.Run{Run: run, Projection: projection}, time.Now())
	}
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
}

// planted is a state folder in which other programs keep what they have.
func planted(t *testing.T) State {
	t.Helper()
	s := State{Dir: t.TempDir()}
	begin(t, s, "orders", aRun)
	home := filepath.Join(s.Dir, "orders")
	// A store of another program: the library takes what it does not know for obsolete.
	store, err := checkpoint.Open(filepath.Join(home, "their-store"), checkpoint.Options{})
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"their-store/000001.log", "empty.d/000002.log", other + "/000002.log", "%61bc/file", "notes.txt", "journal.log"} {
		put(t, filepath.Join(home, path), "not ours")
	}
	// A run of another projection, and one that was copied under another name.
	begin(t, s, "parcels", other)
	for from, to := range map[string]string{"parcels/" + other: "orders/20261130t010203-mnopqr", "orders/" + aRun: "orders/20261130t010203-stuvwx"} {
		if err := os.CopyFS(filepath.Join(s.Dir, to), os.DirFS(filepath.Join(s.Dir, from))); err != nil {
			t.Fatal(err)
		}
	}
	// The same without a marker, and a store that has the form of an earlier version's alone.
	if err := os.CopyFS(filepath.Join(home, "20261130t010203-yyyyyy"), os.DirFS(filepath.Join(s.Dir, "parcels/"+other))); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	put(t, filepath.Join(elsewhere, "000003.log"), "not ours")
	if err := errors.Join(
		os.Remove(filepath.Join(home, "20261130t010203-yyyyyy", markerFile)),
		os.Symlink(elsewhere, filepath.Join(home, "20261130t010203-zzzzzz")),
		os.Symlink(filepath.Join(home, aRun), filepath.Join(home, "20261130t010203-aaaaaa")),
		os.Symlink(elsewhere, filepath.Join(s.Dir, "linked")),
	); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestForeignFoldersAreUntouched: whatever lies among the runs of a projection, only what a run
// made is opened, and nothing else is changed, by no question and by no order.
func TestForeignFoldersAreUntouched(t *testing.T) {
	t.Parallel()
	s := planted(t)
	before := treeOf(t, s.Dir)
	runs, err := s.Runs("orders")
	if err != nil || !slices.Equal(runs, []string{aRun}) {
		t.Errorf("runs are %v: %v", runs, err)
	}
	foreign, err := s.Foreign("orders")
	if err != nil || len(foreign) != 11 {
		t.Errorf("%d are foreign, want 11: %+v: %v", len(foreign), foreign, err)
	}
	stopped, err := s.Resumable("orders")
	if err != nil || len(stopped) != 1 || stopped[0].Run != aRun {
		t.Errorf("resumable are %+v: %v", stopped, err)
	}
	if linked, err := s.Foreign("linked"); err != nil || len(linked) != 1 || linked[0].Why != "it is a symbolic link" {
		t.Errorf("a projection's folder that is a link is told as %+v: %v", linked, err)
	}
	names := []string{"..", ".", "", "their-store", "empty.d", "notes.txt", "abc", "%61bc", "../parcels/" + other, "nothing"}
	for _, f := range foreign {
		names = append(names, filepath.Base(f.Path))
	}
	for _, name := range names {
		if s.Has("orders", name) {
			t.Errorf("%q is taken for a run", name)
		}
		for what, open := range map[string]func(string, string) (*checkpoint.Store, error){"Open": s.Open, "Look": s.Look} {
			_, err := open("orders", name)
			var refusal *problem.Refusal
			if !errors.As(err, &refusal) {
				t.Errorf("%s(%q): %v", what, name, err)
			}
		}
		if err := s.Forget("orders", name); err != nil {
			t.Errorf("Forget(%q): %v", name, err)
		}
		if r, err := s.Refused("orders", name); r != nil || err != nil {
			t.Errorf("Refused(%q): %v, %v", name, r, err)
		}
	}
	for _, name := range []string{"their-store", "notes.txt", "..", "20261130t010203-zzzzzz"} {
		if _, err := s.Begin("orders", name); err == nil {
			t.Errorf("a run began in %q", name)
		}
	}
	if _, err := s.Begin("linked", aRun); err == nil {
		t.Error("a run began in a folder that is a link")
	}
	if after := treeOf(t, s.Dir); after != before {
		t.Errorf("it was\n%s\nis\n%s", before, after)
	}
}

// TestLookChangesNothing: a run that was killed is read as it is.
func TestLookChangesNothing(t *testing.T) {
	t.Parallel()
	s := State{Dir: t.TempDir()}
	begin(t, s, "orders", aRun)
	before := treeOf(t, s.Dir)
	store, err := s.Look("orders", aRun)
	if err != nil {
		t.Fatal(err)
	}
	was, err := checkpoint.ReadRun(store)
	if err = errors.Join(err, store.Close()); err != nil || was == nil || was.Run != aRun {
		t.Errorf("the run is %+v: %v", was, err)
	}
	if after := treeOf(t, s.Dir); after != before {
		t.Errorf("it was\n%s\nis\n%s", before, after)
	}
}

// TestFoldersOfEarlierVersions: they have no marker. The form of the id and the journal make one
// a run's; who opens it to write marks it. While a process has it open it counts as one.
func TestFoldersOfEarlierVersions(t *testing.T) {
	t.Parallel()
	s := State{Dir: t.TempDir()}
	begin(t, s, "orders", aRun)
	marked := filepath.Join(s.Dir, "orders", aRun, markerFile)
	if err := os.Remove(marked); err != nil {
		t.Fatal(err)
	}
	before := treeOf(t, s.Dir)
	if runs, err := s.Runs("orders"); err != nil || len(runs) != 1 {
		t.Errorf("runs are %v: %v", runs, err)
	}
	stopped, err := s.Resumable("orders")
	if err != nil || len(stopped) != 1 {
		t.Errorf("resumable are %+v: %v", stopped, err)
	}
	if after := treeOf(t, s.Dir); after != before {
		t.Errorf("it was\n%s\nis\n%s", before, after)
	}
	held, err := checkpoint.Open(filepath.Join(s.Dir, "orders", aRun), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Has("orders", aRun) {
		t.Error("a run of an earlier version that a process works on is not known")
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := s.Open("orders", aRun)
	if err != nil {
		t.Fatal(err)
	}
	j, err := checkpoint.ReadJournal(store)
	if err == nil {
		err = j.MarkFinished(checkpoint.End{Status: report.Completed})
	}
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marked); err != nil {
		t.Error(err)
	}
	if err := s.Forget("orders", aRun); err != nil || s.Has("orders", aRun) {
		t.Errorf("the run was not forgotten: %v", err)
	}
}
