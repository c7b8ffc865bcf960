package deadletter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"humpty/internal/ownfile"
)

// Suffix of a file of letters.
const Suffix = ".letters.ndjson"

// Files lists the files of letters in a folder, in the order of their names. A folder that
// is not there has none.
func Files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for dead letters: %w", err)
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), Suffix) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

// Read calls fn with the letters of a file, in their order. A last line that is not whole,
// left by a crash, is skipped.
func Read(path string, fn func(Letter) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReaderSize(f, 64<<10)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read dead letters: %w", err)
		}
		var letter Letter
		if err := json.Unmarshal(line, &letter); err != nil {
			return fmt.Errorf("%s:%d is not a dead letter: %w", path, number, err)
		}
		if err := fn(letter); err != nil {
			return err
		}
	}
}

// Filter rewrites a file with the letters that keep wants, and returns how many were taken
// out. The file is replaced in one step, and removed if nothing is left. A Writer of another
// process that has it open notices.
func Filter(path string, keep func(Letter) bool) (removed int64, err error) {
	unlock, err := lock(filepath.Dir(path))
	if err != nil {
		return 0, fmt.Errorf("rewrite dead letters: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	temp := path + ".new"
	out, err := ownfile.Open(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return 0, fmt.Errorf("rewrite dead letters: %w", err)
	}
	w := NewWriter(out, 1<<62)
	err = Read(path, func(l Letter) error {
		if !keep(l) {
			removed++
			return nil
		}
		return w.Put(l)
	})
	kept, dropped, closing := w.Close()
	if dropped > 0 {
		closing = errors.Join(closing, fmt.Errorf("%s has grown beyond what can be rewritten", path))
	}
	if err = errors.Join(err, closing, out.Sync(), out.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(temp))
	}
	if kept == 0 {
		return removed, errors.Join(os.Remove(temp), os.Remove(path))
	}
	return removed, os.Rename(temp, path)
}
