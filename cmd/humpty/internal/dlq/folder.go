// Package dlq is the folder of dead letters, a file for each run of a projection.
package dlq

import (
	"errors"
	"net/url"
	"path/filepath"
	"slices"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/sinks"
)

// Folder is where the dead letters of all projections are.
type Folder struct {
	*console.Console

	Dir string
}

// of is where those of a projection are, a file a run.
func (f Folder) of(projection string) string {
	return filepath.Join(f.Dir, url.PathEscape(projection))
}

// Writer is the file of one run; it is made for the first letter.
func (f Folder) Writer(projection, run string) *deadletter.Writer {
	return deadletter.AppendTo(filepath.Join(f.of(projection), run+deadletter.Suffix))
}

// files are those of the chosen run, or of all; none is a refusal that says where it looked.
func (f Folder) files(projection, run string) ([]string, error) {
	files, err := deadletter.Files(f.of(projection))
	if err != nil || run == "" {
		return files, err
	}
	wanted := filepath.Join(f.of(projection), run+deadletter.Suffix)
	if !slices.Contains(files, wanted) {
		return nil, &problem.Refusal{
			Why:    "run " + run + " has no dead letters in " + f.of(projection),
			Remedy: f.CommandLine("humpty dlq list", projection) + " shows which runs have",
		}
	}
	return []string{wanted}, nil
}

// Each calls fn with the chosen ones, run by run.
func (f Folder) Each(projection string, s Selection, fn func(run string, l deadletter.Letter) error) error {
	files, err := f.files(projection, s.Run)
	if err != nil {
		return err
	}
	for _, path := range files {
		err := deadletter.Read(path, func(l deadletter.Letter) error {
			if !s.Matches(l) {
				return nil
			}
			return fn(runOf(path), l)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Discard takes letters out of their files, as they were read before: humpty follow may have
// written others since.
func (f Folder) Discard(projection, run string, read Letters) (int64, error) {
	files, err := f.files(projection, run)
	var sum int64
	for _, path := range files {
		n, err := deadletter.Filter(path, func(l deadletter.Letter) bool { return !read.has(l) })
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, err
}

// Documents are the chosen documents, each once, with their letters.
func (f Folder) Documents(projection string, s Selection) (keys []sinks.Key, letters Letters, events int64, err error) {
	seen, letters := map[string]bool{}, Letters{}
	err = f.Each(projection, s, func(_ string, l deadletter.Letter) error {
		if l.Document == nil {
			events++
			return nil
		}
		if !seen[l.ID] {
			seen[l.ID] = true
			k := sinks.Key{ID: []byte(l.ID)}
			if l.Routing != "" {
				k.Routing = []byte(l.Routing)
			}
			keys = append(keys, k)
		}
		return letters.Add(l)
	})
	return keys, letters, events, err
}

// DiscardRetried discards the letters that a retry has dealt with: those of documents that
// are right now, or have a letter of the retry itself.
func (f Folder) DiscardRetried(projection, run string, s Selection, read Letters, failed error) error {
	var rejected *ledger.TooManyRejections
	if failed != nil && !errors.As(failed, &rejected) {
		return nil
	}
	files, err := f.files(projection, s.Run)
	for _, path := range files {
		if runOf(path) == run {
			continue
		}
		if _, discarding := f.Discard(projection, runOf(path), read); discarding != nil {
			return discarding
		}
	}
	return err
}

func runOf(path string) string {
	name := filepath.Base(path)
	return name[:len(name)-len(deadletter.Suffix)]
}
