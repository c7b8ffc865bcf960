package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"humpty/bench/internal/page"
	"humpty/bench/internal/result"
)

// reportVerb renders the kept results.
type reportVerb struct {
	*bench
	mode, write, check string
}

func (v *reportVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Render the kept results",
		Long: `Render the kept results: the newest full run (the newest one, where none is full), and the
ratios of all of them.

  go run ./bench report                       # all of it on stdout, as Markdown
  go run ./bench report --write README.md     # a summary between the markers of a page; in
                                              # --results all figures (figures.md) and a picture
                                              # that is readable in light and dark (bench.svg)
  go run ./bench report --check README.md     # fail if any of the three says something else`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			runs, err := v.runs()
			switch {
			case err != nil:
				return err
			case v.write == "" && v.check == "":
				_, err := fmt.Fprint(v.out, page.Markdown(runs))
				return err
			}
			pages, err := v.pages(runs)
			if err != nil {
				return err
			}
			for _, p := range pages {
				if v.check != "" {
					err = errors.Join(err, p.check(v.check))
				} else {
					err = errors.Join(err, p.write())
				}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&v.mode, "mode", "", "only runs of this mode: quick, full or events")
	cmd.Flags().StringVar(&v.write, "write", "", "page to put the summary into")
	cmd.Flags().StringVar(&v.check, "check", "", "page that must have this very summary")
	return cmd
}

// The files beside the results.
const (
	detailsFile = "figures.md"
	pictureFile = "bench.svg"
)

// file is one of the report, as it should be.
type file struct{ path, text string }

// pages renders the summary into a page, and what it links to.
func (v *reportVerb) pages(runs [][]result.Result) ([]file, error) {
	path := cmp.Or(v.write, v.check)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	folder, err := relative(filepath.Dir(path), v.results)
	if err != nil {
		return nil, fmt.Errorf("a link from %s to the results: %w", path, err)
	}
	link := func(name string) string { return filepath.ToSlash(filepath.Join(folder, name)) }
	now, err := page.Quote(string(text), page.Summary(runs, link(pictureFile), link(detailsFile)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return []file{
		{path, now},
		{filepath.Join(v.results, detailsFile), "# All figures\n\n![](" + pictureFile + ")\n\n" + page.Markdown(runs)},
		{filepath.Join(v.results, pictureFile), page.SVG(runs)},
	}, nil
}

// relative is the way from one folder to another, wherever we are.
func relative(from, to string) (string, error) {
	from, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	if to, err = filepath.Abs(to); err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

func (f file) check(of string) error {
	text, err := os.ReadFile(f.path)
	if err == nil && string(text) == f.text {
		return nil
	}
	return errors.Join(err, fmt.Errorf("%s quotes other figures than the kept runs: go run ./bench report --write %s", f.path, of))
}

func (f file) write() error {
	tmp, err := os.CreateTemp(filepath.Dir(f.path), ".report-")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(f.text)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(tmp.Name()))
	}
	return err
}

// runs reads the runs that have something to say about the limits.
func (v *reportVerb) runs() ([][]result.Result, error) {
	all, err := result.ReadDir(v.results)
	if err != nil {
		return nil, err
	}
	var runs [][]result.Result
	for _, run := range all {
		if m := run[0].Mode; (m == "quick" || m == "full" || m == shapeEvents || m == "live") && (v.mode == "" || v.mode == m) {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("no run to report in %s: make one with `go run ./bench run --quick`", v.results)
	}
	return runs, nil
}
