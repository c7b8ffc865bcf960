package ndjson

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"humpty/internal/ownfile"
	"humpty/sinks"
)

// live is the generation that the alias points to, "" if there is none or a file of its
// own is in the symlink's place.
func (t *Target) live() (string, error) {
	info, err := os.Lstat(t.path(t.alias))
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return "", nil
	}
	to := ""
	if err == nil {
		to, err = os.Readlink(t.path(t.alias))
	}
	if err != nil {
		return "", fmt.Errorf("read the alias: %w", err)
	}
	return strings.TrimSuffix(filepath.Base(to), ".ndjson"), nil
}

// Survey reads the folder.
func (t *Target) Survey(ctx context.Context) (sinks.Survey, error) {
	s := sinks.Survey{Product: "ndjson", Version: "1", Alias: t.alias}
	if err := ctx.Err(); err != nil {
		return s, err
	}
	names, err := t.generationNames()
	if err != nil {
		return s, err
	}
	for _, name := range names {
		meta, err := t.readMeta(name)
		var foreign *foreignError
		switch {
		case errors.As(err, &foreign):
			s.Foreign = append(s.Foreign, foreign.Foreign)
			continue
		case err != nil: // a file that is not ours, or of another alias
			continue
		}
		g, err := t.generation(ctx, name, meta)
		if err != nil {
			return s, err
		}
		s.Generations = append(s.Generations, g)
	}
	live, err := t.live()
	if err != nil {
		return s, err
	}
	if g, ours := s.Find(live); live != "" {
		s.Serving = []sinks.Serving{{Index: live, Ours: ours, Documents: g.Documents}}
		return s, nil
	}
	raw, err := os.ReadFile(t.path(t.alias))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	s.Conflict = &sinks.ConflictingIndex{Index: t.alias, Documents: int64(bytes.Count(raw, []byte("\n")))}
	return s, err
}

func (t *Target) generation(ctx context.Context, name string, meta sinks.Meta) (sinks.Generation, error) {
	g := sinks.Generation{Name: name, Meta: meta, Documents: -1, Bytes: -1, Created: meta.Started}
	if info, err := os.Stat(t.path(name + ".ndjson")); err == nil {
		g.Bytes = info.Size()
	}
	x, err := t.Open(ctx, name)
	if err != nil {
		return g, err
	}
	g.Documents, err = x.Count(ctx)
	return g, err
}

// Swap replaces the symlink in one step.
func (t *Target) Swap(_ context.Context, change sinks.AliasChange) error {
	if _, err := t.readMeta(change.To); err != nil {
		return err
	}
	replaces := false
	for _, a := range change.Actions {
		if a.Verb == "remove_index" && a.Index != t.alias {
			return fmt.Errorf("a swap must not delete %s", a.Index)
		}
		replaces = replaces || a.Verb == "remove_index"
	}
	if info, err := os.Lstat(t.path(t.alias)); err == nil && info.Mode()&fs.ModeSymlink == 0 && !replaces {
		return fmt.Errorf("a file, not a symlink, is at %s: it is not replaced", t.path(t.alias))
	}
	next := t.path("." + t.alias + ".next")
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("swap the alias: %w", err)
	}
	if err := os.Symlink(change.To+".ndjson", next); err != nil {
		return fmt.Errorf("swap the alias: %w", err)
	}
	if err := os.Rename(next, t.path(t.alias)); err != nil {
		return fmt.Errorf("swap the alias: %w", err)
	}
	if err := syncFolder(t.dir); err != nil {
		return err
	}
	live, err := t.live()
	if err == nil && live != change.To {
		err = fmt.Errorf("the alias points to %q after the swap, not to %s: somebody else changes it", live, change.To)
	}
	return err
}

// replaceFile writes a file so that there is the old one or the new one at any moment.
func replaceFile(path string, content []byte) error {
	next := path + ".next"
	file, err := ownfile.Open(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
