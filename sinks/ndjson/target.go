package ndjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"humpty/internal/ownfile"
	"humpty/sinks"
)

// Target is one alias in a folder.
type Target struct {
	dir, alias string

	mu   sync.Mutex
	open map[string]*index // by generation; each is opened once
}

// New returns the target for an alias, whose folder is made if it is not there. Close it.
func New(dir, alias string) (*Target, error) {
	if alias == "" || strings.ContainsAny(alias, "/\\\n") || !filepath.IsLocal(alias) {
		return nil, fmt.Errorf("%q cannot be the name of a file: choose another alias", alias)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the generations: %w", err)
	}
	return &Target{dir: dir, alias: alias, open: map[string]*index{}}, nil
}

// Close closes the files of all generations that were opened.
func (t *Target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	for name, x := range t.open {
		err = errors.Join(err, x.file.Close())
		delete(t.open, name)
	}
	return err
}

func (t *Target) path(name string) string { return filepath.Join(t.dir, name) }

// Create makes the generation's files.
func (t *Target) Create(_ context.Context, g sinks.Generation) (sinks.Index, error) {
	if !strings.HasPrefix(g.Name, t.alias+"-") || g.Meta.Alias != t.alias || !filepath.IsLocal(g.Name) {
		return nil, fmt.Errorf("%s cannot be a generation of alias %s: its name must begin with %[2]s-", g.Name, t.alias)
	}
	file, err := ownfile.Open(t.path(g.Name+".ndjson"), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, fmt.Errorf("create generation %s: %w", g.Name, err)
	}
	x := &index{target: t, name: g.Name, file: file, rows: map[string]lineRef{}}
	if err := t.writeMeta(g.Name, g.Meta); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[g.Name] = x
	return x, nil
}

// Open opens a generation that exists.
func (t *Target) Open(_ context.Context, name string) (sinks.Index, error) {
	if _, err := t.readMeta(name); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.open[name]; x != nil {
		return x, nil
	}
	file, err := ownfile.Open(t.path(name+".ndjson"), os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("open generation %s: %w", name, err)
	}
	x := &index{target: t, name: name, file: file}
	if err := x.load(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	t.open[name] = x
	return x, nil
}

// readMeta fails for what is no generation of this alias.
func (t *Target) readMeta(name string) (sinks.Meta, error) {
	var m sinks.Meta
	if !strings.HasPrefix(name, t.alias+"-") || !filepath.IsLocal(name) {
		return m, fmt.Errorf("%q is no generation of alias %s", name, t.alias)
	}
	raw, err := os.ReadFile(t.path(name + ".json"))
	if err != nil {
		return m, fmt.Errorf("%s is no generation of alias %s: %w", name, t.alias, err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("%s: %w", t.path(name+".json"), err)
	}
	if m.Alias != t.alias {
		return m, fmt.Errorf("%s is a generation of alias %s, not %s", name, m.Alias, t.alias)
	}
	if why, _ := m.Foreign(name, ""); why != "" {
		return m, &foreignError{sinks.Foreign{Index: name, Run: m.Run, Why: why, Documents: -1}}
	}
	return m, nil
}

// foreignError is the error of readMeta for files that were copied from a generation's.
type foreignError struct{ sinks.Foreign }

func (e *foreignError) Error() string {
	return fmt.Sprintf("%s is no generation: %s", e.Index, e.Why)
}

func (t *Target) writeMeta(name string, m sinks.Meta) error {
	m.Name, m.PendingSettings = name, nil
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the meta of %s: %w", name, err)
	}
	if err := replaceFile(t.path(name+".json"), append(raw, '\n')); err != nil {
		return fmt.Errorf("write the meta of %s: %w", name, err)
	}
	return nil
}

// Drop deletes the files of a generation that is not live.
func (t *Target) Drop(_ context.Context, name string) error {
	if _, err := t.readMeta(name); err != nil {
		return err
	}
	live, err := t.live()
	if err != nil {
		return err
	}
	if live == name {
		return fmt.Errorf("generation %s is not dropped: %s points to it", name, t.path(t.alias))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.open[name]; x != nil {
		err = x.file.Close()
		delete(t.open, name)
	}
	// The meta goes last: while it is there, a drop that was cut short can be repeated.
	gone := os.Remove(t.path(name + ".ndjson"))
	if errors.Is(gone, fs.ErrNotExist) {
		gone = nil
	}
	return errors.Join(err, gone, os.Remove(t.path(name+".json")))
}

// generationNames lists the generations by their meta files.
func (t *Target) generationNames() ([]string, error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, fmt.Errorf("list the generations: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && strings.HasPrefix(name, t.alias+"-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
