package assemble

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/projector/checkpoint"
)

// markerFile says in the folder of a run whose it is. What does not have it is not ours.
const markerFile = "humpty-run.json"

// marker is what a run's folder says of itself.
type marker struct {
	Schema     int    `json:"schema"` // 1
	Projection string `json:"projection"`
	Run        string `json:"run"`
}

// ForeignPath is a file or a folder in the state folder that is not ours.
type ForeignPath struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// runFolder is where the state of one run is.
type runFolder struct {
	home            string // of the projection
	dir             string
	projection, run string
}

func (s State) runFolder(projection, run string) runFolder {
	home := filepath.Join(s.Dir, url.PathEscape(projection))
	return runFolder{home, filepath.Join(home, url.PathEscape(run)), projection, run}
}

// runName is what a run's id looks like; where an index names the run, it may say anything.
var runName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

// runID is the form of the ids that Owner gives.
var runID = regexp.MustCompile(`^[0-9]{8}t[0-9]{6}-[a-z2-7]{6}$`)

// make makes the folder of a new run, with its marker.
func (f runFolder) make() error {
	if !runName.MatchString(f.run) {
		return fmt.Errorf("%q cannot be the name of a run's folder", f.run)
	}
	if err := os.MkdirAll(f.home, 0o700); err != nil {
		return err
	}
	if why := notFolder(f.home); why != "" {
		return fmt.Errorf("%s is not used: %s", f.home, why)
	}
	if err := os.Mkdir(f.dir, 0o700); err != nil {
		return err
	}
	if err := ownFolders(f.dir); err != nil {
		return err
	}
	return f.mark()
}

// mark writes the marker, if it is not there.
func (f runFolder) mark() error {
	path := filepath.Join(f.dir, markerFile)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := json.Marshal(marker{Schema: 1, Projection: f.projection, Run: f.run})
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(f.dir, markerFile+"-*")
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	dir, err := vfs.Default.OpenDir(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// foreign says why a folder is not the run's; "" if it is.
func (f runFolder) foreign() string {
	if !runName.MatchString(f.run) {
		return "no run has such a name"
	}
	for _, dir := range []string{f.home, f.dir} {
		if why := notFolder(dir); why != "" {
			return why
		}
	}
	path := filepath.Join(f.dir, markerFile)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.foreignEarlier()
	}
	if err == nil && !info.Mode().IsRegular() {
		return "its " + markerFile + " is no file"
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	var m marker
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("its %s cannot be read: %v", markerFile, err)
	case m.Projection != f.projection || m.Run != f.run:
		return fmt.Sprintf("its %s says that it is of run %s of projection %s", markerFile, m.Run, m.Projection)
	}
	return ""
}

// foreignEarlier judges a folder without a marker. Earlier versions made none: there it is a
// run's if it has the form of a run's id, holds a store, and the store names this run. One that
// a process has open is taken for what its name says.
func (f runFolder) foreignEarlier() string {
	const why = "it has no " + markerFile
	if !runID.MatchString(f.run) {
		return why
	}
	if found, err := pebble.Peek(f.dir, vfs.Default); err != nil || !found.Exists {
		return why
	}
	if _, err := os.Lstat(filepath.Join(f.dir, "LOCK")); err != nil { // which opening would make
		return why
	}
	store, err := checkpoint.Open(f.dir, checkpoint.Options{ReadOnly: true})
	if err != nil {
		if held(f.dir) {
			return ""
		}
		return why
	}
	was, err := checkpoint.ReadRun(store)
	if err = errors.Join(err, store.Close()); err != nil || was == nil || was.Run != f.run || was.Projection != f.projection {
		return why + ", and no journal of this run"
	}
	return ""
}

// held reports whether a process has a store open.
func held(dir string) bool {
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	if err != nil {
		return true
	}
	return lock.Close() != nil
}

// notFolder says why a path is no folder of ours to look into; "" if it is one.
func notFolder(path string) string {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is none"
	case err != nil:
		return err.Error()
	case info.Mode()&fs.ModeSymlink != 0:
		return "it is a symbolic link"
	case !info.IsDir():
		return "it is a file"
	}
	return ""
}

// entries are what lies in the folder of a projection: its runs, and what is foreign.
func (s State) entries(projection string) (runs []string, foreign []ForeignPath, err error) {
	home := s.runFolder(projection, "").home
	if why := notFolder(home); why != "" {
		if _, err := os.Lstat(home); err != nil {
			return nil, nil, nil //nolint:nilerr // nothing was stored yet
		}
		return nil, []ForeignPath{{home, why}}, nil
	}
	all, err := os.ReadDir(home)
	if err != nil {
		return nil, nil, fmt.Errorf("look for runs in the state folder: %w", err)
	}
	for _, e := range all {
		run, err := url.PathUnescape(e.Name())
		why := "no run has such a name"
		if err == nil && url.PathEscape(run) == e.Name() {
			why = s.runFolder(projection, run).foreign()
		}
		if why != "" {
			foreign = append(foreign, ForeignPath{filepath.Join(home, e.Name()), why})
			continue
		}
		runs = append(runs, run)
	}
	return runs, foreign, nil
}
