package result

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
)

const schema = 1

// Write appends one line.
func Write(w io.Writer, r Result) error {
	r.Schema = schema
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write a result: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// read reads all lines; name is for messages.
func read(r io.Reader, name string) ([]Result, error) {
	var all []Result
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		line := in.Bytes()
		if len(line) == 0 {
			continue
		}
		var one Result
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("%s:%d: not a result of bench: %w", name, n, err)
		}
		if one.Schema != schema || one.What == "" {
			return nil, fmt.Errorf("%s:%d: not a result of bench (schema %d, what %q): this bench reads schema %d",
				name, n, one.Schema, one.What, schema)
		}
		all = append(all, one)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// ReadFile reads one file of results.
func ReadFile(path string) (all []Result, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return read(f, path)
}

// ReadDir reads all runs of a folder, oldest first.
func ReadDir(dir string) ([][]Result, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	var runs [][]Result
	for _, path := range paths {
		run, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		if len(run) > 0 {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("no results in %s: make some with `go run ./bench run --quick`", dir)
	}
	slices.SortStableFunc(runs, func(a, b []Result) int { return strings.Compare(a[0].Run, b[0].Run) })
	return runs, nil
}

// Find reads a run by its file's path, or by the beginning of its commit or run id; of
// several the newest.
func Find(dir, name string) ([]Result, error) {
	if strings.HasSuffix(name, ".jsonl") {
		return ReadFile(name)
	}
	runs, err := ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, run := range slices.Backward(runs) {
		if name != "" && (strings.HasPrefix(run[0].Commit, name) || strings.HasPrefix(run[0].Run, name)) {
			return run, nil
		}
	}
	return nil, fmt.Errorf("no run of %q in %s: give a file, or the beginning of a commit or of a run's id", name, dir)
}

// FileName is date, commit and mode: 20261124t061500-a49967b-quick.jsonl.
func (s Stamp) FileName() string {
	name := s.Run + "-" + s.Commit[:min(7, len(s.Commit))]
	if s.Dirty {
		name += "-dirty"
	}
	return name + "-" + s.Mode + ".jsonl"
}

// ShortCommit has seven digits, and a + where the checkout differed.
func (s Stamp) ShortCommit() string {
	short := s.Commit[:min(7, len(s.Commit))]
	if s.Dirty {
		short += "+"
	}
	return short
}
