package main

import (
	"net/url"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"humpty/internal/deadletter"
	"humpty/internal/problem"
)

// letterFolder is where the dead letters of a projection are, a file a run.
func (a *app) letterFolder(projection string) string {
	dir := a.flags.letters
	if dir == "" {
		dir = filepath.Join(filepath.Dir(a.flags.config), "dead-letters")
	}
	return filepath.Join(dir, url.PathEscape(projection))
}

// lettersOf is the file of one run; it is made for the first letter.
func (a *app) lettersOf(projection, run string) *deadletter.Writer {
	return deadletter.AppendTo(filepath.Join(a.letterFolder(projection), run+deadletter.Suffix))
}

// chosenLetters is which dead letters a verb is about.
type chosenLetters struct {
	run, kind string
	ids       []string
}

func (c *chosenLetters) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.run, "run", "", "only those of this run; of all by default")
	f.StringVar(&c.kind, "type", "", "only those of this type, as `humpty dlq list` shows it")
	f.StringSliceVar(&c.ids, "id", nil, "only these documents; may be given several times")
}

// wants tells whether a letter is one of them; an event has no id.
func (c *chosenLetters) wants(l deadletter.Letter) bool {
	if c.kind != "" && l.Type != c.kind {
		return false
	}
	return len(c.ids) == 0 || l.Document != nil && slices.Contains(c.ids, l.ID)
}

// letterFiles are those of the chosen run, or of all; none is a refusal that says where it looked.
func (a *app) letterFiles(projection, run string) ([]string, error) {
	files, err := deadletter.Files(a.letterFolder(projection))
	if err != nil || run == "" {
		return files, err
	}
	wanted := filepath.Join(a.letterFolder(projection), run+deadletter.Suffix)
	if !slices.Contains(files, wanted) {
		return nil, &problem.Refusal{
			Why:    "run " + run + " has no dead letters in " + a.letterFolder(projection),
			Remedy: a.typed("humpty dlq list", projection) + " shows which runs have",
		}
	}
	return []string{wanted}, nil
}

// eachLetter calls fn with the chosen ones, run by run.
func (a *app) eachLetter(projection string, c chosenLetters, fn func(run string, l deadletter.Letter) error) error {
	files, err := a.letterFiles(projection, c.run)
	if err != nil {
		return err
	}
	for _, path := range files {
		err := deadletter.Read(path, func(l deadletter.Letter) error {
			if !c.wants(l) {
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

// dropLetters takes letters out of their files.
func (a *app) dropLetters(projection, run string, drop func(deadletter.Letter) bool) (int64, error) {
	files, err := a.letterFiles(projection, run)
	var sum int64
	for _, path := range files {
		n, err := deadletter.Filter(path, func(l deadletter.Letter) bool { return !drop(l) })
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, err
}

func runOf(path string) string {
	name := filepath.Base(path)
	return name[:len(name)-len(deadletter.Suffix)]
}
