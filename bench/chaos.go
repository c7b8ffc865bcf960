package main

import (
	"encoding/json"
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
	var seeds, first uint64
	var mode string
	var standby bool
	c := &cobra.Command{
		Use:   "chaos",
		Short: "Try the live protocol by many random histories",
		Long: `Try the live protocol by many random histories: a random schema of includes, random writers,
a rebuild beside them that is interrupted and goes on, attempts that land late. When all
rests, the index must equal what SQL says, byte for byte. A failing seed says how to replay it.`,
		Args: cobra.NoArgs,
	}
	c.Flags().Uint64Var(&seeds, "seeds", 20, "how many seeds, each with every mode")
	c.Flags().Uint64Var(&first, "first", 0, "the first seed")
	c.Flags().StringVar(&mode, "mode", "", "only this way to swap: freeze, follow or handover; all if empty")
	c.Flags().BoolVar(&standby, "standby", false, "with a synchronous standby that acknowledges up to 200 ms late")
	b.servers.bind(c.Flags())
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if mode != "" {
			if err := checkMode(mode, modes); err != nil {
				return err
			}
			modes = []string{mode}
		}
		return b.chaos(cmd, first, first+seeds, modes, standby)
	}
	return c
}

func checkMode(mode string, modes []string) error {
	if !slices.Contains(modes, mode) {
		return fmt.Errorf("--mode %q: one of %v", mode, modes)
	}
	return nil
}

func (b *bench) chaos(cmd *cobra.Command, from, to uint64, modes []string, standby bool) error {
	ctx := cmd.Context()
	s, err := b.up(ctx, string(devstack.KindElasticsearch))
	if err != nil {
		return err
	}
	defer func() {
		if err := s.close(); err != nil {
			b.say("%v", err)
		}
	}()
	place := chaos.Place{
		Postgres: s.dsn, Elasticsearch: s.search[string(devstack.KindElasticsearch)],
		Name: "chaos-" + strconv.FormatInt(time.Now().Unix(), 36),
	}
	if standby {
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
	var failed []error
	histories := 0
	for seed := from; seed < to; seed++ {
		for _, mode := range modes {
			report, err := chaos.Run(ctx, place, seed, projector.Writer(mode))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			histories++
			if err != nil {
				failed = append(failed, err)
				b.say("%v", err)
				continue
			}
			if err := json.NewEncoder(b.out).Encode(report); err != nil {
				return err
			}
		}
	}
	b.say("%d histories, %d wrong", histories, len(failed))
	return errors.Join(failed...)
}
