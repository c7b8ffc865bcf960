package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"humpty/bench/internal/page"
	"humpty/bench/internal/result"
)

// compareVerb says what changed between two runs.
type compareVerb struct {
	*bench
	bound float64
}

func (v *compareVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Say what changed from run A to run B, beyond noise",
		Long: `Compare two kept runs. A and B are files, or the beginnings of commits or run ids in
--results. Ratios are always compared, CPU and memory only on the same machine with as
many orders. A figure is within noise if the intervals of the two medians overlap.

Fails (exit code 3) if a figure became worse by more than --bound, beyond noise.`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			was, err := result.Find(v.results, args[0])
			if err != nil {
				return err
			}
			is, err := result.Find(v.results, args[1])
			if err != nil {
				return err
			}
			changes := page.Compare(was, is, v.bound)
			if v.json {
				err = json.NewEncoder(v.out).Encode(changes)
			} else {
				_, err = fmt.Fprint(v.out, page.Changes(was[0].Stamp, is[0].Stamp, changes))
			}
			if err != nil {
				return err
			}
			worse := 0
			for _, c := range changes {
				if c.Regressed {
					worse++
				}
			}
			if worse > 0 {
				return &regression{worse}
			}
			return nil
		},
	}
	cmd.Flags().Float64Var(&v.bound, "bound", 0.10, "how much worse is a regression: 0.10 is ten percent")
	return cmd
}
