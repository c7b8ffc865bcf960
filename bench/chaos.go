package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"humpty/internal/chaos"
	"humpty/internal/devstack"
	"humpty/projector"
)

// chaosCommand makes random histories of the live protocol.
func (b *bench) chaosCommand() *cobra.Command {
	modes := []string{string(projector.WriterFreeze), string(projector.WriterFollow), string(projector.WriterHandover)}
	c := campaign{}
	var mode string
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Try the live protocol by many random histories",
		Long: `Try the live protocol by many random histories: a random schema of includes, random writers,
a rebuild beside them that is interrupted and goes on, attempts that land late. When all
rests, the index must equal what SQL says, byte for byte. A failing seed says how to replay it.

With --keep, a line for each mode is appended to chaos/ in --results: the commit, which seeds,
how many histories, and those that failed.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.Uint64Var(&c.seeds, "seeds", 20, "how many seeds, each with every mode")
	f.Uint64Var(&c.first, "first", 0, "the first seed")
	f.StringVar(&mode, "mode", "", "only this way to swap: freeze, follow or handover; all if empty")
	f.BoolVar(&c.standby, "standby", false, "with a synchronous standby that acknowledges up to 200 ms late")
	f.IntVar(&c.parallel, "parallel", 1, "histories at once, on the same servers")
	f.DurationVar(&c.most, "most", 0, "begin no more histories after this time; 0: all of them")
	f.BoolVar(&c.keep, "keep", false, "keep what came of it in --results")
	b.servers.bind(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if mode != "" {
			if err := checkMode(mode, modes); err != nil {
				return err
			}
			modes = []string{mode}
		}
		if c.parallel < 1 {
			return errors.New("--parallel is 1 at least")
		}
		for _, m := range modes {
			c.modes = append(c.modes, projector.Writer(m))
		}
		b.servers.volatile = true // nobody cuts the power here
		if !f.Changed("heap") {
			b.servers.heap = "" // small indices: what is quick to start is quicker
		}
		return b.chaos(cmd.Context(), &c)
	}
	return cmd
}

func checkMode(mode string, modes []string) error {
	if !slices.Contains(modes, mode) {
		return fmt.Errorf("--mode %q: one of %v", mode, modes)
	}
	return nil
}

// chaos brings the servers up, and lets the campaign have them.
func (b *bench) chaos(ctx context.Context, c *campaign) error {
	s, err := b.up(ctx, string(devstack.KindElasticsearch))
	if err != nil {
		return err
	}
	defer func() {
		if err := s.close(); err != nil {
			b.say("%v", err)
		}
	}()
	if c.standby {
		stop, err := chaos.Standby(ctx, s.dsn)
		if err != nil {
			return err
		}
		defer func() {
			if err := stop(); err != nil {
				b.say("%v", err)
			}
		}()
	}
	return c.run(ctx, b, chaos.Place{
		Postgres: s.dsn, Elasticsearch: s.search[string(devstack.KindElasticsearch)],
		Name: "chaos-" + strconv.FormatInt(time.Now().Unix(), 36),
	})
}
