package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"humpty/internal/testenv/chaos"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
)

// chaosCommand makes random histories of the live protocol.
func (b *bench) chaosCommand() *cobra.Command {
	modes := []string{string(projector.WriterFreeze), string(projector.WriterFollow), string(projector.WriterHandover)}
	c := campaign{}
	var mode string
	var program bool
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Try the live protocol by many random histories",
		Long: `Try the live protocol by many random histories: a random schema of includes, random writers,
a rebuild beside them that is interrupted and goes on, attempts that land late. When all
rests, the index must equal what SQL says, byte for byte. A failing seed says how to replay it.

With --program it is the built program that runs, and is killed again and again; documents are
of tables, of topics whose events are produced beside (in transactions that are committed,
aborted or open for long, and without; tombstones, poison), or of both.

With --keep, a line for each mode is appended to chaos/ in --results: the commit, which seeds,
how many histories, and those that failed.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.Uint64Var(&c.seeds, "seeds", 20, "how many seeds, each with every mode")
	f.Uint64Var(&c.first, "first", 0, "the first seed")
	f.StringVar(&mode, "mode", "", "only this way to swap: freeze, follow or handover; all if empty")
	f.BoolVar(&c.standby, "standby", false, "with a synchronous standby that acknowledges up to 200 ms late")
	f.BoolVar(&program, "program", false, "with topics, by the built program, which is killed")
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
		return b.chaos(cmd.Context(), &c, program)
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
func (b *bench) chaos(ctx context.Context, c *campaign, program bool) (err error) {
	products := []string{string(devstack.KindElasticsearch)}
	var place chaos.Place
	if program {
		products = append(products, productKafka)
		dir, err := os.MkdirTemp("", "humpty-chaos-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		place.Program = filepath.Join(dir, "humpty")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", place.Program, "humpty/cmd/humpty").CombinedOutput(); err != nil {
			return fmt.Errorf("build humpty: %w\n%s", err, out)
		}
	}
	s, err := b.up(ctx, products...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
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
	c.program = program
	place.Postgres, place.Elasticsearch, place.Kafka = s.dsn, s.search[string(devstack.KindElasticsearch)], s.kafka
	place.Name = "chaos-" + strconv.FormatInt(time.Now().Unix(), 36)
	return c.run(ctx, b, place)
}
