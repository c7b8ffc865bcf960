package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/figure"
	"humpty/bench/internal/page"
	"humpty/bench/internal/result"
	"humpty/internal/testenv/shop"
	"humpty/projector"
	"humpty/projector/report"
)

// hotRows are as many as every hot statement changes.
const hotRows = 1000

// liveOrders make a load of about ten seconds on 2 cores.
const liveOrders = 300_000

// liveVerb measures rebuilds beside writers.
type liveVerb struct {
	*bench
	target string
	keep   bool

	pairs      int
	warmups    int // pairs before them that do not count
	rate       int // rows a second of the paced writer
	statements int // that each change the same rows
}

func (v *liveVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "live",
		Short: "Measure rebuilds beside writers",
		Long: `Measure what it costs to catch up with an application that writes, and how well that goes:

  - pairs of rebuilds beside the same writer of --rate rows a second: of one snapshot, and
    with capture; the ratio of their load phases is what capture costs the load, by the clock
    and by the CPU time of engine and servers. Every second pair begins with the other one;
    the database is vacuumed and at a checkpoint when one begins. The first pair does not
    count: a search server that has compiled nothing yet takes twice as long
  - from the end of the load to the swap, in that pair
  - one rebuild beside two connections that write as fast as they can, as pgbench does: how
    many rows that is, and how far behind the change reader is when the load ends
  - one during whose load --statements statements each change the same 1,000 rows: how many
    documents a round reads again

Of 300,000 orders unless --orders says otherwise: a load of seconds would measure how the
engine finds its pace. About 9 minutes on 2 cores, less than one a pair. The data set is made anew afterwards, by whoever needs it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(v.target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			if !cmd.Flags().Changed("orders") && !cmd.Flags().Changed("scale") {
				v.data.orders = liveOrders
			}
			if v.pairs < 1 || v.warmups < 0 || v.rate < 1 || v.statements < 1 || v.data.tpch != "" || v.data.shape != string(shop.Plain) {
				return errors.New("--pairs, --rate and --statements are 1 at least, --warmups 0, and the data is of shape plain")
			}
			return v.measure(cmd.Context(), "live", []string{v.target}, func(l *lab) error {
				if v.keep {
					if err := l.rec.keep(v.results); err != nil {
						return err
					}
				}
				if err := v.run(cmd.Context(), liveRuns{l}); err != nil {
					return err
				}
				fmt.Fprint(v.out, page.Live(l.rec.all))
				return l.rec.complete()
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.target, "target", "elasticsearch", "elasticsearch or opensearch")
	f.IntVar(&v.pairs, "pairs", 5, "how many pairs")
	f.IntVar(&v.warmups, "warmups", 1, "how many pairs before them that do not count")
	f.IntVar(&v.rate, "rate", 1000, "rows a second that the writer of the pairs changes")
	f.IntVar(&v.statements, "statements", 1000, "how many statements change the same 1,000 rows")
	f.BoolVar(&v.keep, "keep", false, "keep the measurements in --results")
	v.servers.bind(f)
	v.data.bind(f)
	v.data.bindWriting(f)
	return cmd
}

// run does all of it.
func (v *liveVerb) run(ctx context.Context, l liveRuns) error {
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := l.markChanged(ctx); err != nil {
		return err
	}
	w := updates{dsn: l.servers.dsn}
	var err error
	if w.keys, err = sampledKeys(ctx, w.dsn, l.orders/2); err != nil {
		return err
	}
	rebuild := func(what result.What) func(int) error {
		return func(pair int) error {
			return l.live(ctx, what, v.target, w.paced(v.rate), half{figure.SeriesLive, pair})
		}
	}
	for range v.warmups {
		if err := l.warmUp(func() error { return interleave(1, rebuild(result.Beside), rebuild(result.Live)) }); err != nil {
			return err
		}
	}
	if err := interleave(v.pairs, rebuild(result.Beside), rebuild(result.Live)); err != nil {
		return err
	}
	if err := l.live(ctx, result.Live, v.target, w.unbounded(), half{figure.SeriesBusy, 0}); err != nil {
		return err
	}
	w.keys = w.keys[:min(hotRows, len(w.keys))]
	return l.hot(ctx, v.target, w, v.statements)
}

// liveRuns are rebuilds beside writers.
type liveRuns struct{ *lab }

// live measures a rebuild beside writers.
func (l liveRuns) live(ctx context.Context, what result.What, target string, w updates, h half) error {
	spec := l.spec(target, l.data.shards)
	spec.Live, spec.Level, spec.LoadOnly = what == result.Live, projector.LevelFull, true
	if !spec.Live {
		spec.Level = projector.LevelCount // nobody asks how long that takes
	}
	if err := l.vacuum(ctx); err != nil {
		return err
	}
	var o engine.Outcome
	rows, err := w.during(ctx, func() (err error) {
		o, err = l.runChild(ctx, spec)
		return err
	})
	if err != nil {
		return err
	}
	o.Figures[figure.RowsWritten] = rows
	return l.noteLive(ctx, what, target, o, h)
}

// hot measures a rebuild in whose load the same rows are changed by every statement.
func (l liveRuns) hot(ctx context.Context, target string, w updates, statements int) error {
	spec := l.spec(target, l.data.shards)
	spec.Live, spec.Level = true, projector.LevelFull
	var failed error
	var took time.Duration
	o, err := engine.Run(ctx, spec, func(e report.Event) {
		if e.Kind == report.Started && e.Phase == report.PhaseLoad { // which waits until all of them are committed
			start := time.Now()
			failed = w.hot(ctx, statements)
			took = time.Since(start)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	o.Figures[figure.Statements] = float64(statements)
	o.Figures[figure.RowsWritten] = float64(statements*len(w.keys)) / took.Seconds()
	return l.noteLive(ctx, result.Live, target, o, half{figure.SeriesHot, 0})
}

func (l liveRuns) noteLive(ctx context.Context, what result.What, target string, o engine.Outcome, h half) error {
	index := o.Record.Generation
	l.made[index] = target
	most := int64(0)
	for _, round := range o.Record.Rounds {
		most = max(most, round.Reread)
	}
	o.Figures[figure.Reread], o.Figures["rounds"] = float64(most), float64(len(o.Record.Rounds))
	err := l.note(result.Measurement{
		What: what, Target: target, Series: h.series, Pair: h.pair, Documents: o.Record.Ledger.Written, Bytes: o.Record.Ledger.Bytes,
		Settings: result.Settings{Connections: l.data.connections, Shards: l.data.shards},
		Seconds:  o.Figures["phase_load_s"], Figures: o.Figures,
	})
	return errors.Join(err, l.drop(ctx, index))
}
