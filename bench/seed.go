package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func (b *bench) seedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seed --postgres DSN",
		Short: "Fill a database with the data set",
		Long: `Fill the database humpty_bench of a running server with the data set: the same options
give the same rows on every machine. It is made anew, whatever is there.

  go run ./internal/devstack/cmd up postgres        # prints the DSN
  go run ./bench seed --postgres DSN --scale 0.3
  go run ./bench rebuild --postgres DSN --scale 0.3 # finds it there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.servers.postgres == "" {
				return errors.New("seed needs --postgres: a server started here would end with its data; `go run ./internal/devstack/cmd up postgres` starts one that stays")
			}
			return b.measure(cmd.Context(), "seed", nil, func(l *lab) error { return l.seed(cmd.Context(), true) })
		},
	}
	b.servers.bind(cmd.Flags())
	b.data.bind(cmd.Flags())
	return cmd
}
