package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"humpty/cmd/humpty/internal/lag"
	"humpty/cmd/humpty/internal/rebuild"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/follow"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// followCommand keeps indexes equal to their sources.
type followCommand struct {
	rebuilder
	metrics       string
	adopt         bool
	newDefinition bool
	limits        repairLimits
}

func newFollowCommand(a *app) *cobra.Command {
	c := followCommand{rebuilder: rebuilder{a}}
	cmd := &cobra.Command{
		Use:   "follow [PROJECTION…]",
		Short: "Keep indexes equal to their sources: humpty as the live projector",
		Long: `follow goes on where a rebuild with writer: follow ended: what changes in the tables is read
again and written to what the alias serves, until it is stopped. Without a projection it
follows all that have writer: follow. It goes on where it was when it is started again: the
database keeps its log for it meanwhile. A rebuild may run beside it; when the alias serves
the next generation, it continues with that one.

With keep.feed_previous: 24h it feeds the generation that served before, too, for so long after
the swap: humpty rollback to it is instant and loses nothing. Each is fed by the definition that
made it, which is stored in the state folder, whatever the file says by then. What goes wrong
with the one before is told, and holds up nothing else. Its slot is released when its time is over.

It says how far it is behind: bytes of the database's log that were not read yet, bytes of
log that the database holds for it, documents that are due, and how many it writes a
second. --metrics serves the same for Prometheus.

A document that the target or the source refuses is kept as refused, with a dead letter; the
index keeps what it has of it, and all others go on. It is tried again when its row changes,
and each minute; when it is right or gone, it is refused no more. An event that cannot be read
is left out, with a dead letter. More of them than limits.rejections or limits.poison (here
1,000 by default) set the projection aside: it is tried again each minute.

One projection that fails does not stop the others. A signal stops all, and that is no failure
(exit code 0), also with refused documents; one that is set aside then makes it exit code 6,
and one that has failed its own: 7 where the log is lost (rebuild).

--adopt is the way back to right, whatever was lost: a gap in the log, the slot, the state
folder, the machine, or after a rollback or a swap to a generation that nobody fed. It captures
changes from now on, compares all documents of what the alias serves with their sources, writes
those that differ, and catches up; then it follows. That takes one reading of both sides, and
no second index. If it is stopped, the same command resumes it. It refuses while another
process follows or rebuilds, and beyond --max-delete and --max-stale, as humpty repair does.
With writer: handover or freeze, where the application writes to the index, documents are
written only if they still are what was read before; it ends (exit code 0) when all is handed
over. A generation that another definition made is refused: --new-definition makes all of its
documents those of the present one, if mapping and settings are the same.`,
		Example: `  humpty follow                  # every projection with writer: follow
  humpty follow orders customers --json
  humpty follow --adopt orders   # first make right what the alias serves, whatever was lost`,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	cmd.Flags().StringVar(&c.metrics, "metrics", "", "serve lag, rate and what is due for Prometheus at this address of this machine: 127.0.0.1:9187")
	f := cmd.Flags()
	f.BoolVar(&c.adopt, "adopt", false, "first capture, compare everything and make right what the alias serves")
	f.BoolVar(&c.newDefinition, "new-definition", false, "with --adopt: also what another definition of the projection made")
	c.limits.flags(cmd)
	limitFlags(cmd)
	return cmd
}

func (c *followCommand) run(cmd *cobra.Command, args []string) error {
	conf, err := c.load(cmd)
	if err != nil {
		return err
	}
	followed, err := c.followed(conf, args)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if c.adopt {
		if followed, err = c.adoptAll(ctx, conf, followed); err != nil || len(followed) == 0 {
			return err
		}
	}
	err = c.follow(ctx, conf, followed)
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return nil // the signal came before there was anything to stop
	}
	return err
}

// adoptAll makes right what the aliases serve, one after the other, and returns the projections
// to be followed then.
func (c *followCommand) adoptAll(ctx context.Context, conf *config.Config, all []config.Projection) (followed []config.Projection, err error) {
	for _, p := range all {
		c.result.projection = p.Name
		c.leftovers(conf).Heal(ctx, p)
		o := rebuild.Options{Adopt: &projector.Adopt{Guard: projector.Guard{MaxDelete: c.limits.maxDelete, MaxStale: c.limits.maxStale}, Redefined: c.newDefinition}}
		if err := c.one(ctx, c.runner(conf, "follow"), p, o); err != nil {
			return nil, err
		}
		if p.Writer == string(projector.WriterFollow) {
			followed = append(followed, p)
		}
	}
	return followed, nil
}

// followed are the projections that the arguments name, or all that have writer: follow.
func (c *followCommand) followed(conf *config.Config, names []string) ([]config.Projection, error) {
	var all []config.Projection
	for _, p := range conf.Projections {
		if len(names) == 0 && p.Writer == string(projector.WriterFollow) {
			all = append(all, p)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		p, err := conf.Projection(name)
		if err != nil {
			return nil, err
		}
		if p.Writer != string(projector.WriterFollow) && !c.adopt {
			return nil, &problem.Refusal{
				Why:    fmt.Sprintf("projection %s has writer: %s: the application writes to its index, and to follow would undo its writes", p.Name, p.Writer),
				Remedy: fmt.Sprintf("if nobody else writes to it: consistency: live and writer: follow, then humpty rebuild %s", p.Name),
			}
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, &problem.Refusal{
			Why:    "no projection has writer: follow",
			Remedy: "add consistency: live and writer: follow to one, rebuild it, then follow it",
		}
	}
	return all, nil
}

func (c *followCommand) follow(ctx context.Context, conf *config.Config, all []config.Projection) error {
	state, err := c.stateFolder(conf)
	if err != nil {
		return err
	}
	monitor := lag.NewMonitor(c.Console)
	c.watcher.ShowStatus(monitor.Status)
	var follows []*follow.Projector
	for _, p := range all {
		runs.NewCaptures(c.leftovers(conf)).Name(ctx, p)
		f, letters, err := newProjector(ctx, c.app, conf, p, state, func(e report.Event) { monitor.Observe(p.Name, e) })
		if err != nil {
			return err
		}
		defer letters.Close() //nolint:errcheck // what it could not write, Put has told
		follows = append(follows, f)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var page, group errgroup.Group
	if c.metrics != "" {
		listener, err := monitor.Listen(ctx, c.metrics)
		if err != nil {
			return err
		}
		page.Go(func() error { return monitor.Serve(ctx, listener) })
	}
	ends := make([]error, len(follows)) // one that ends does not end the others
	for i, f := range follows {
		group.Go(func() error {
			if ends[i] = f.Run(ctx); ends[i] != nil && ctx.Err() == nil && len(follows) > 1 {
				monitor.Stopped(f.Projection.Name, ends[i])
			}
			return nil
		})
	}
	_ = group.Wait() // it has none: ends has them
	stop()
	return errors.Join(joinErrors(ends), page.Wait())
}

// newProjector makes the live projector of a projection. The letters are to be closed.
func newProjector(ctx context.Context, a *app, conf *config.Config, p config.Projection, state assemble.State, observe func(report.Event)) (*follow.Projector, *deadletter.Writer, error) {
	r, err := assemble.Rebuild(ctx, conf, p, "follow", nil)
	if err != nil {
		return nil, nil, err
	}
	letters := a.deadLetters().Writer(p.Name, r.Owner.Run)
	equip := func(source sources.Source) {
		assemble.UseState(source, state, p.Name)
		assemble.UseLetters(source, letters)
	}
	limited := func(of projector.Projection) projector.Projection {
		of.Limits.Rejections, of.Limits.Poison = p.Limits.Follow.Rejections, p.Limits.Follow.Poison
		return of
	}
	equip(r.Source)
	return &follow.Projector{
		Projection: limited(r.Projection), Source: r.Source, Target: r.Target, MaxOutage: r.MaxOutage, Letters: letters, Observe: observe,
		Open: func(run string) (*checkpoint.Store, error) { return state.Open(p.Name, run) },
		Stored: func(g sinks.Generation) (projector.Projection, sources.Source, error) {
			of, err := state.Stored(conf, p, g)
			if err != nil {
				return projector.Projection{}, nil, err
			}
			source, err := assemble.Source(conf, of)
			if err != nil {
				return projector.Projection{}, nil, err
			}
			equip(source)
			return limited(assemble.Definition(of)), source, nil
		},
	}, letters, nil
}
