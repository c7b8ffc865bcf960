package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"humpty/bench/internal/page"
	"humpty/bench/internal/result"
)

func (b *bench) reportCommand() *cobra.Command {
	var mode, write, check, picture string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Render the kept results",
		Long: `Render the newest kept run, and the ratios of all of them, as a Markdown table, and as a
picture that is readable in light and dark.

  go run ./bench report                       # the table on stdout
  go run ./bench report --write README.md     # put it between the markers of a page
  go run ./bench report --check README.md     # fail if the page quotes something else
  go run ./bench report --svg bench/results/bench.svg`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			runs, err := b.reported(mode)
			if err != nil {
				return err
			}
			table := page.Markdown(runs)
			if picture != "" {
				if err := os.WriteFile(picture, []byte(page.SVG(runs)), 0o644); err != nil {
					return err
				}
			}
			switch {
			case check != "":
				return checkPage(check, table)
			case write != "":
				return writePage(write, table)
			case picture == "":
				fmt.Fprint(b.out, table)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&mode, "mode", "", "only runs of this mode: quick or full")
	cmd.Flags().StringVar(&write, "write", "", "page to put the table into")
	cmd.Flags().StringVar(&check, "check", "", "page that must have this very table")
	cmd.Flags().StringVar(&picture, "svg", "", "file for the picture")
	return cmd
}

// reported reads the runs that have something to say about the limits.
func (b *bench) reported(mode string) ([][]result.Result, error) {
	all, err := result.ReadDir(b.results)
	if err != nil {
		return nil, err
	}
	var runs [][]result.Result
	for _, run := range all {
		if m := run[0].Mode; (m == "quick" || m == "full") && (mode == "" || mode == m) {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("no run to report in %s: make one with `go run ./bench run --quick`", b.results)
	}
	return runs, nil
}

func checkPage(path, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	quoted, err := page.Quoted(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if quoted != table {
		return fmt.Errorf("%s quotes other figures than the newest kept run: go run ./bench report --write %[1]s", path)
	}
	return nil
}

func writePage(path, table string) (err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	now, err := page.Quote(string(text), table)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".report-")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(now)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(tmp.Name()))
	}
	return err
}
