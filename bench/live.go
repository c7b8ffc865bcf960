package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/figure"
	"humpty/bench/internal/page"
	"humpty/bench/internal/result"
	"humpty/internal/testenv/shop"
	"humpty/projector"
	"humpty/projector/report"
)

// liveRun is how much the verb live does.
type liveRun struct {
	pairs      int
	warmups    int // pairs before them that do not count
	rate       int // rows a second of the paced writer
	hotRows    int
	statements int
}

// liveOrders make a load of about ten seconds on 2 cores.
const liveOrders = 300_000

func (b *bench) liveCommand() *cobra.Command {
	var target string
	var keep bool
	r := liveRun{hotRows: 1000}
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
			if err := checkTarget(target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			if !cmd.Flags().Changed("orders") && !cmd.Flags().Changed("scale") {
				b.data.orders = liveOrders
			}
			if r.pairs < 1 || r.warmups < 0 || r.rate < 1 || r.statements < 1 || b.data.tpch != "" || b.data.shape != string(shop.Plain) {
				return errors.New("--pairs, --rate and --statements are 1 at least, --warmups 0, and the data is of shape plain")
			}
			return b.measure(cmd.Context(), "live", []string{target}, func(l *lab) error {
				if keep {
					if err := l.rec.keep(b.results); err != nil {
						return err
					}
				}
				if err := l.lives(cmd.Context(), target, r); err != nil {
					return err
				}
				fmt.Fprint(b.out, page.Live(l.rec.all))
				return l.rec.complete()
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&target, "target", "elasticsearch", "elasticsearch or opensearch")
	f.IntVar(&r.pairs, "pairs", 5, "how many pairs")
	f.IntVar(&r.warmups, "warmups", 1, "how many pairs before them that do not count")
	f.IntVar(&r.rate, "rate", 1000, "rows a second that the writer of the pairs changes")
	f.IntVar(&r.statements, "statements", 1000, "how many statements change the same 1,000 rows")
	f.BoolVar(&keep, "keep", false, "keep the measurements in --results")
	b.servers.bind(f)
	b.data.bind(f)
	b.data.bindWriting(f)
	return cmd
}

// lives does all of it.
func (l *lab) lives(ctx context.Context, target string, r liveRun) error {
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := l.spoilt(ctx); err != nil {
		return err
	}
	w := writing{dsn: l.servers.dsn}
	var err error
	if w.keys, err = sampledKeys(ctx, w.dsn, l.orders/2); err != nil {
		return err
	}
	rebuild := func(what result.What) func(int) error {
		return func(pair int) error { return l.live(ctx, what, target, w.paced(r.rate), half{figure.SeriesLive, pair}) }
	}
	for range r.warmups {
		if err := l.uncounted(func() error { return interleave(1, rebuild(result.Beside), rebuild(result.Live)) }); err != nil {
			return err
		}
	}
	if err := interleave(r.pairs, rebuild(result.Beside), rebuild(result.Live)); err != nil {
		return err
	}
	if err := l.live(ctx, result.Live, target, w.unbounded(), half{figure.SeriesBusy, 0}); err != nil {
		return err
	}
	w.keys = w.keys[:min(r.hotRows, len(w.keys))]
	return l.hot(ctx, target, w, r.statements)
}

// spoilt says that the database does not hold what was seeded any more.
func (l *lab) spoilt(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, l.servers.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return reserve(ctx, conn)
}

// tidy leaves nothing to be done of what was written before: rows that are dead, and pages
// that are not on disk.
func (l *lab) tidy(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, l.servers.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{"VACUUM shop.orders", "VACUUM shop.lineitem", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// live measures a rebuild beside writers.
func (l *lab) live(ctx context.Context, what result.What, target string, w writing, h half) error {
	spec := l.spec(target, l.data.shards)
	spec.Live, spec.Level, spec.Apart = what == result.Live, projector.LevelFull, true
	if !spec.Live {
		spec.Level = projector.LevelCount // nobody asks how long that takes
	}
	if err := l.tidy(ctx); err != nil {
		return err
	}
	var o engine.Outcome
	rows, err := w.beside(ctx, func() (err error) {
		o, err = l.alone(ctx, spec)
		return err
	})
	if err != nil {
		return err
	}
	o.Figures[figure.RowsWritten] = rows
	return l.noteLive(ctx, what, target, o, h)
}

// hot measures a rebuild in whose load the same rows are changed by every statement.
func (l *lab) hot(ctx context.Context, target string, w writing, statements int) error {
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

func (l *lab) noteLive(ctx context.Context, what result.What, target string, o engine.Outcome, h half) error {
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
