package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/config"
)

// PendingProjections is what a rebuild of all has still to do, written down for the process
// that resumes it when this one is gone.
type PendingProjections struct {
	leftovers *Leftovers

	mu    sync.Mutex
	names []string
}

// NewPending writes down what a rebuild of all is going to do.
func NewPending(l *Leftovers, order []config.Projection) *PendingProjections {
	p := &PendingProjections{leftovers: l}
	for _, one := range order {
		p.names = append(p.names, one.Name)
	}
	state, err := l.State()
	if err == nil {
		err = pendingList{state.Dir}.store(l.config.File, p.names)
	}
	if err != nil {
		l.Warn("humpty resume --all will not know of those whose turn has not come: " + err.Error())
		p.names = nil
	}
	return p
}

// End takes how one ended; what failed is still to do.
func (p *PendingProjections) End(name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.names, name)
	if err != nil || at < 0 {
		return
	}
	p.names = slices.Delete(p.names, at, at+1)
	if err := (pendingList{p.leftovers.state.Dir}).store(p.leftovers.config.File, p.names); err != nil {
		p.leftovers.Warn(err.Error())
	}
}

// pendingList is the file of a state folder that says what rebuilds of all projections of a
// configuration have still to do, also when their processes are gone.
type pendingList struct{ dir string }

func (l pendingList) path() string { return filepath.Join(l.dir, "all.json") }

// load gives the names of a configuration.
func (l pendingList) load(file string) ([]string, error) {
	all, err := l.read()
	if err != nil {
		return nil, fmt.Errorf("read what a rebuild of all has still to do: %w", err)
	}
	return all[absolute(file)], nil
}

// store writes them down; none: it is over.
func (l pendingList) store(file string, names []string) error {
	if err := l.write(absolute(file), names); err != nil {
		return fmt.Errorf("write down what a rebuild of all has still to do: %w", err)
	}
	return nil
}

func absolute(file string) string {
	if path, err := filepath.Abs(file); err == nil {
		return path
	}
	return file
}

// read gives the names by the configuration's path.
func (l pendingList) read() (map[string][]string, error) {
	all := map[string][]string{}
	data, err := os.ReadFile(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	return all, err
}

func (l pendingList) write(file string, names []string) error {
	all, err := l.read()
	if err != nil {
		return err
	}
	delete(all, file)
	if len(names) > 0 {
		all[file] = names
	}
	if len(all) == 0 {
		if err := os.Remove(l.path()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(l.dir, "all-*.json")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), l.path()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := vfs.Default.OpenDir(l.dir) // the name, too, has to outlive a loss of power
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
