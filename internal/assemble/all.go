package assemble

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// all is the file that says what rebuilds of all projections of a configuration have still
// to do.
func (s State) all() string { return filepath.Join(s.Dir, "all.json") }

// Outstanding are the projections of a configuration that a rebuild of all has not done yet,
// also when its process is gone.
func (s State) Outstanding(file string) ([]string, error) {
	all, err := s.outstanding()
	if err != nil {
		return nil, fmt.Errorf("read what a rebuild of all has still to do: %w", err)
	}
	return all[absolute(file)], nil
}

// SetOutstanding writes them down; none: it is over.
func (s State) SetOutstanding(file string, names []string) error {
	if err := s.setOutstanding(absolute(file), names); err != nil {
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

// outstanding are the names by the configuration's path.
func (s State) outstanding() (map[string][]string, error) {
	all := map[string][]string{}
	data, err := os.ReadFile(s.all())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	return all, err
}

func (s State) setOutstanding(file string, names []string) error {
	all, err := s.outstanding()
	if err != nil {
		return err
	}
	delete(all, file)
	if len(names) > 0 {
		all[file] = names
	}
	if len(all) == 0 {
		if err := os.Remove(s.all()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.Dir, "all-*.json")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), s.all()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := vfs.Default.OpenDir(s.Dir) // the name, too, has to outlive a loss of power
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
