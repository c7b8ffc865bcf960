// Command cmd runs the servers for developing humpty: see package devstack.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"humpty/internal/testenv/devstack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "devstack",
		Short:         "Run PostgreSQL, Elasticsearch, OpenSearch and Kafka for developing humpty",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(up(), status(), down(), supervise())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", strings.TrimPrefix(err.Error(), "devstack: "))
		os.Exit(1)
	}
}

func up() *cobra.Command {
	return &cobra.Command{
		Use:   "up [postgres] [elasticsearch] [opensearch] [kafka]",
		Short: "Start servers of the shared stack (all by default) and hold it until down",
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds := devstack.Kinds()
			if len(args) > 0 {
				kinds = nil
				for _, a := range args {
					kinds = append(kinds, devstack.Kind(a))
				}
			}
			a, err := devstack.Up(cmd.Context(), kinds, func(p devstack.Progress) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%-14s %-9s %s (%.1f s)\n", p.Server, p.Step, p.Detail, p.Elapsed.Seconds())
			})
			if err != nil {
				return err
			}
			for _, e := range [][2]string{
				{"POSTGRES", a.Postgres},
				{"ELASTICSEARCH", a.Elasticsearch},
				{"OPENSEARCH", a.OpenSearch},
				{"KAFKA", strings.Join(a.Kafka, ",")},
			} {
				if e[1] != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "export DEVSTACK_%s='%s'\n", e[0], e[1])
				}
			}
			return nil
		},
	}
}

func status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell what runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := devstack.Running(cmd.Context())
			for _, s := range list {
				if err := printStatus(cmd.Context(), cmd.OutOrStdout(), s); err != nil {
					return err
				}
			}
			if len(list) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing runs")
			}
			return err
		},
	}
}

func printStatus(ctx context.Context, out io.Writer, s devstack.Status) error {
	fmt.Fprintf(out, "%s in %s: ", title(s), s.Dir)
	switch {
	case s.Held:
		fmt.Fprintf(out, "stays until down; clients: %d\n", s.Clients)
	default:
		fmt.Fprintf(out, "ends %v after its last client; clients: %d\n", s.Linger, s.Clients)
	}
	for _, v := range s.Servers {
		p, err := processesOf(ctx, v.Group)
		if err != nil {
			return err
		}
		if len(p.pids) == 0 || !v.Running {
			fmt.Fprintf(out, "  %-14s ended; log %s\n", v.Kind, v.Log)
			continue
		}
		fmt.Fprintf(out, "  %-14s %s  %d MB, pids %v\n", v.Kind, v.Address, p.kib/1024, p.pids)
	}
	return nil
}

func title(s devstack.Status) string {
	if s.Supervisor == 0 {
		return "kept stack"
	}
	return fmt.Sprintf("shared stack of supervisor %d", s.Supervisor)
}

func down() *cobra.Command {
	return &cobra.Command{
		Use:   "down [FOLDER]",
		Short: "Stop the shared stack, whoever uses it, and all kept stacks; or the kept one in a folder",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return devstack.EndKept(cmd.Context(), args[0])
			}
			list, err := devstack.Down(cmd.Context())
			for _, s := range list {
				fmt.Fprintf(cmd.OutOrStdout(), "stopped the %s in %s\n", title(s), s.Dir)
			}
			if len(list) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing runs")
			}
			return err
		},
	}
}

// supervise is what a client starts; the socket is its descriptor 3.
func supervise() *cobra.Command {
	var linger time.Duration
	var version string
	cmd := &cobra.Command{
		Use:    "supervise",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGHUP)
			f := os.NewFile(3, "socket")
			listener, err := net.FileListener(f)
			if err != nil {
				return fmt.Errorf("supervise is started by devstack itself: %w", err)
			}
			if err := f.Close(); err != nil {
				return err
			}
			return devstack.Supervise(cmd.Context(), listener, version, linger)
		},
	}
	cmd.Flags().DurationVar(&linger, "linger", time.Minute, "how long to stay after the last client")
	cmd.Flags().StringVar(&version, "version", "", "version of the code that the client wants")
	return cmd
}
