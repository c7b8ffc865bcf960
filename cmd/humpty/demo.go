package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"humpty/internal/demo"
	"humpty/internal/testenv/devstack"
)

func (a *app) demoCommand() *cobra.Command {
	var o demo.Options
	var stop bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a read model being lost and rebuilt, on real servers of this machine",
		Long: `demo starts PostgreSQL, Kafka and Elasticsearch as real processes, makes a shop with
customers, orders and lines, and builds the read model "orders" for the first time.
Customers begin to write to the tables, and do not stop when the live index is deleted. It
is rebuilt in parallel, what is written meanwhile is caught up with, and the alias serves it
again. When the customers have gone home, every document is compared with what SQL says it
must be. Carriers have told of parcels in a Kafka topic all the time: two more read models
are made of these events and of tables, and compared with what SQL makes of the same events.
A timeline with what was measured ends it.

It needs Java 17 or newer, and Maven to fetch what this machine lacks (once). All servers
listen on 127.0.0.1 only. Ctrl-C at any moment stops everything it started.`,
		Example: `  humpty demo
  humpty demo --orders 1000000
  humpty demo --keep       # leaves the servers up, to try the other verbs on them
  humpty demo --stop       # stops what --keep left`,
		Args: cobra.NoArgs,
		RunE: a.begin(func(cmd *cobra.Command, _ []string) error {
			if stop {
				return a.stopDemo(cmd)
			}
			if o.Orders < demo.Fewest {
				return &usageError{fmt.Sprintf("--orders %d is too few to measure anything", o.Orders), fmt.Sprintf("use --orders %d or more", demo.Fewest)}
			}
			o.Out, o.JSON, o.Program = a.out, a.flags.json, program()
			if !a.flags.quiet {
				o.Progress, o.Bars, o.Interval = a.err, a.redraws(), a.flags.interval
			}
			result, err := demo.Run(cmd.Context(), o)
			a.result.Demo = result
			return err
		}),
	}
	f := cmd.Flags()
	f.IntVar(&o.Orders, "orders", 200_000, fmt.Sprintf("how many orders the shop has, from %d", demo.Fewest))
	f.Uint64Var(&o.Seed, "seed", 1, "the same seed makes the same shop")
	f.BoolVar(&o.Keep, "keep", false, "leave the servers up at the end and say how to reach them")
	f.StringVar(&o.Folder, "folder", "humpty-demo", "with --keep: where humpty.yaml and orders.index.json are written")
	f.BoolVar(&stop, "stop", false, "stop the servers that --keep left up, and those that tests share, and remove their data")
	cmd.MarkFlagsMutuallyExclusive("stop", "keep")
	return cmd
}

// stopDemo ends all servers of the user's that outlived who started them.
func (a *app) stopDemo(cmd *cobra.Command) error {
	stopped, err := devstack.Down(cmd.Context())
	for _, s := range stopped {
		a.printf("stopped %s\n", s.Dir)
	}
	if len(stopped) == 0 && err == nil {
		a.printf("nothing was running\n")
	}
	return err
}

// program is how the user calls humpty.
func program() string {
	name, err := os.Executable()
	if err != nil || strings.Contains(name, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/humpty"
	}
	return os.Args[0]
}
