package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// seedVerb fills a database with the data set.
type seedVerb struct {
	*bench
	topic int // events; 0: none
}

func (v *seedVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seed --postgres DSN [--kafka HOST:PORT --events N]",
		Short: "Fill a database with the data set",
		Long: `Fill the database humpty_bench of a running server with the data set: the same options
give the same rows on every machine. It is made anew, whatever is there.

  go run ./internal/testenv/devstack/cmd up postgres        # prints the DSN
  go run ./bench seed --postgres DSN --scale 0.3
  go run ./bench rebuild --postgres DSN --scale 0.3 # finds it there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if v.servers.postgres == "" {
				return errors.New("seed needs --postgres: a server started here would end with its data; `go run ./internal/testenv/devstack/cmd up postgres` starts one that stays")
			}
			ctx := cmd.Context()
			if v.topic == 0 {
				return v.measure(ctx, "seed", nil, func(l *lab) error { return l.seed(ctx, true) })
			}
			if v.servers.kafka == "" {
				return errors.New("--events needs --kafka: a broker started here would end with its data; `go run ./internal/testenv/devstack/cmd up kafka` starts one that stays")
			}
			return v.measure(ctx, "seed", []string{productKafka}, func(l *lab) error {
				err := l.seed(ctx, true)
				if err == nil {
					_, err = eventRuns{l}.topic(ctx, v.topic)
				}
				return err
			})
		},
	}
	cmd.Flags().IntVar(&v.topic, "events", 0, "also a topic of about so many events, 10 for each order; it is left as it is where it is complete")
	v.servers.bind(cmd.Flags())
	v.data.bind(cmd.Flags())
	return cmd
}
