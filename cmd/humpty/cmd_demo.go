package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/demo"
	"humpty/internal/testenv/devstack"
)

// demoCommand shows a read model being lost and rebuilt.
type demoCommand struct {
	*app
	options demo.Options
	stop    bool
}

func newDemoCommand(a *app) *cobra.Command {
	c := demoCommand{app: a}
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
		RunE: a.begin(c.run),
	}
	f := cmd.Flags()
	f.IntVar(&c.options.Orders, "orders", 200_000, fmt.Sprintf("how many orders the shop has, from %d", demo.MinOrders))
	f.Uint64Var(&c.options.Seed, "seed", 1, "the same seed makes the same shop")
	f.BoolVar(&c.options.Keep, "keep", false, "leave the servers up at the end and say how to reach them")
	f.StringVar(&c.options.Folder, "folder", "humpty-demo", "with --keep: where humpty.yaml and orders.index.json are written")
	f.BoolVar(&c.stop, "stop", false, "stop the servers that --keep left up, and those that tests share, and remove their data")
	cmd.MarkFlagsMutuallyExclusive("stop", "keep")
	return cmd
}

func (c *demoCommand) run(cmd *cobra.Command, _ []string) error {
	if c.stop {
		return c.stopServers(cmd.Context())
	}
	if c.options.Orders < demo.MinOrders {
		return console.Usage(fmt.Sprintf("--orders %d is too few to measure anything", c.options.Orders), fmt.Sprintf("use --orders %d or more", demo.MinOrders))
	}
	c.options.Out, c.options.JSON, c.options.Program = c.Out, c.JSON, program()
	if !c.Quiet {
		how := c.Progress()
		c.options.Progress, c.options.Bars, c.options.Interval = how.Out, how.Bars, how.Interval
	}
	result, err := demo.Run(cmd.Context(), c.options)
	c.result.Demo = result
	return err
}

// stopServers ends all servers of the user's that outlived who started them.
func (c *demoCommand) stopServers(ctx context.Context) error {
	stopped, err := devstack.Down(ctx)
	for _, s := range stopped {
		c.Printf("stopped %s\n", s.Dir)
	}
	if len(stopped) == 0 && err == nil {
		c.Printf("nothing was running\n")
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
