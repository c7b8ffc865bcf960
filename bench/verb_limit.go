package main

import (
	"context"

	"github.com/spf13/cobra"
)

// limitVerb measures what no engine can beat on this machine.
type limitVerb struct {
	*bench
	target string
	full   bool
	topic  int // events; 0: none
}

func (v *limitVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "limit",
		Short: "Measure what no engine can beat on this machine",
		Long: `Measure the limits, with nothing of humpty's in between: raw binary COPY of the rows, a
_bulk firehose of the very same documents from memory over a grid of connections, batch
sizes and shards, both at once, and a raw sliced scan of the index.

The documents are captured once by a rebuild into memory; ids, versions (external_gte)
and bytes are those of a rebuild, and the indices are made by the call that a rebuild
makes them with. With --events also raw fetch of a topic of events from Kafka (about 250
bytes of JSON, 10 for each order), with a loop of kafka-go's and nothing else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(v.target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			ctx := cmd.Context()
			p := quick()
			if v.full {
				p = fullPlan()
			}
			products := []string{v.target}
			if p.events = v.topic; p.events > 0 {
				products = append(products, productKafka)
			}
			return v.measure(ctx, "limit", products, func(l *lab) error { return v.limits(ctx, &limits{lab: l}, p) })
		},
	}
	cmd.Flags().StringVar(&v.target, "target", "elasticsearch", "elasticsearch or opensearch")
	cmd.Flags().IntVar(&v.topic, "events", 0, "also a topic of so many events")
	cmd.Flags().BoolVar(&v.full, "full", false, "the large grid")
	v.servers.bind(cmd.Flags())
	v.data.bind(cmd.Flags())
	return cmd
}

func (v *limitVerb) limits(ctx context.Context, l *limits, p plan) error {
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := l.capture(ctx); err != nil {
		return err
	}
	if err := l.copy(ctx, half{}); err != nil {
		return err
	}
	best, err := l.grid(ctx, v.target, p)
	if err != nil {
		return err
	}
	if err := l.both(ctx, v.target, best, half{}); err != nil {
		return err
	}
	index, err := l.rebuild(ctx, v.target, best.shards, half{}, 0)
	if err != nil {
		return err
	}
	if err := l.scan(ctx, v.target, index, l.corpus.Documents()); err != nil {
		return err
	}
	if err := l.drop(ctx, index); err != nil || p.events == 0 {
		return err
	}
	events := eventRuns{l.lab}
	t, err := events.topic(ctx, p.events)
	if err != nil {
		return err
	}
	return events.fetch(ctx, t, half{})
}

// naiveVerb measures what people write first.
type naiveVerb struct {
	*bench
	target          string
	documents, bulk int
}

func (v *naiveVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "naive",
		Short: "Measure what people write first",
		Long: `Run the loop that people write first: one reader, a query for the lines and one for the
customer of each order, one document a request (or --bulk documents), into an index with
the server's defaults: refresh on, a copy asked for, translog synced with each request.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(v.target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			ctx := cmd.Context()
			return v.measure(ctx, "naive", []string{v.target}, func(l *lab) error {
				if err := l.seed(ctx, false); err != nil {
					return err
				}
				return (&limits{lab: l}).naive(ctx, v.target, v.documents, v.bulk)
			})
		},
	}
	cmd.Flags().StringVar(&v.target, "target", "elasticsearch", "elasticsearch or opensearch")
	cmd.Flags().IntVar(&v.documents, "documents", 3000, "how many documents; it is slow")
	cmd.Flags().IntVar(&v.bulk, "bulk", 1, "documents a request")
	v.servers.bind(cmd.Flags())
	v.data.bind(cmd.Flags())
	v.data.bindWriting(cmd.Flags())
	return cmd
}
