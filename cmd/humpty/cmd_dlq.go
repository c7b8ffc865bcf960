package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/dlq"
	"humpty/internal/deadletter"
	"humpty/internal/printable"
	"humpty/internal/ui"
	"humpty/projector/repair"
)

func newDLQCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters, write them again, or discard them",
		Long: `A document that the target refuses for good, one that the source cannot make, and an event
that cannot be read or applied become dead letters: JSON lines with type, reason, id, index
and body (or topic, partition, offset, key and value), a file for each run, in the folder
dead-letters of the state folder that state: or --state names, or else beside the
configuration; --dead-letters names another. A file holds
10,000 letters at most; the run's record counts the rest.`,
		Example: `  humpty dlq list
  humpty dlq show orders
  humpty dlq retry orders`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return console.Usage(fmt.Sprintf("there is no dlq %q", args[0]), "one of: list, show, retry, discard")
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newDLQListCommand(a), newDLQShowCommand(a), newDLQRetryCommand(a), newDLQDiscardCommand(a))
	return cmd
}

// dlqListCommand counts dead letters.
type dlqListCommand struct {
	*app
}

func newDLQListCommand(a *app) *cobra.Command {
	c := dlqListCommand{app: a}
	cmd := &cobra.Command{
		Use:               "list [PROJECTION]",
		Short:             "Count dead letters by run and type",
		Example:           "  humpty dlq list orders",
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	return cmd
}

func (c *dlqListCommand) run(cmd *cobra.Command, args []string) error {
	_, projections, err := c.projections(cmd, args)
	if err != nil {
		return err
	}
	var names []string
	for _, p := range projections {
		names = append(names, p.Name)
	}
	counts, err := c.deadLetters().Counts(names)
	if err != nil {
		return err
	}
	c.result.Letters = &counts
	if len(counts) == 0 {
		c.Printf("no dead letters\n")
	}
	for _, n := range counts {
		c.Printf("%s  run %s: %s %ss, %s, for %s: %s\n", n.Projection, n.Run, ui.Count(n.Letters), n.Kind, printable.Value(cmp.Or(n.Type, "no type")), n.Where, printable.Value(n.Reason))
	}
	return nil
}

// dlqShowCommand prints dead letters.
type dlqShowCommand struct {
	*app
	selection dlq.Selection
	most      int
}

func newDLQShowCommand(a *app) *cobra.Command {
	c := dlqShowCommand{app: a}
	cmd := &cobra.Command{
		Use:   "show [PROJECTION]",
		Short: "Print dead letters as JSON lines",
		Example: `  humpty dlq show orders --id 4711
  humpty dlq show orders --most 0 | jq -r .reason | sort | uniq -c`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	c.selection.Flags(cmd)
	cmd.Flags().IntVar(&c.most, "most", 10, "how many to show; 0: all")
	return cmd
}

func (c *dlqShowCommand) run(cmd *cobra.Command, args []string) error {
	_, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	shown, more := 0, 0
	err = c.deadLetters().Each(p.Name, c.selection, func(_ string, l deadletter.Letter) error {
		if c.most > 0 && shown == c.most {
			more++
			return nil
		}
		shown++
		if c.JSON {
			c.Line(letterLine{Schema: 1, Type: "letter", Letter: l})
			return nil
		}
		line, err := json.Marshal(l)
		c.Printf("%s\n", line)
		return err
	})
	if more > 0 {
		c.Warn(fmt.Sprintf("%d more are not shown: --most 0 shows all", more))
	}
	return err
}

// letterLine is a dead letter among the lines of --json.
type letterLine struct {
	Schema int               `json:"schema"`
	Type   string            `json:"type"` // letter
	Letter deadletter.Letter `json:"letter"`
}

// dlqRetryCommand writes documents again that were refused.
type dlqRetryCommand struct {
	comparison
	selection dlq.Selection
}

func newDLQRetryCommand(a *app) *cobra.Command {
	c := dlqRetryCommand{comparison: comparison{app: a}}
	cmd := &cobra.Command{
		Use:   "retry [PROJECTION]",
		Short: "Write documents that were refused again, as the source has them now",
		Long: `retry reads the documents of dead letters from the source, as they are now, and writes them
into the index that the alias serves, each on condition that nobody writes it meanwhile.
What was refused once is not sent as it was: it may have changed since, or be deleted.

Letters of documents that are right then are discarded. Those that humpty follow writes
meanwhile stay. What is refused again becomes a
letter of this run, with the new reason (exit code 6). Events cannot be applied one by one:
mend the topic or the handlers, and rebuild.`,
		Example: `  humpty dlq retry orders
  humpty dlq retry orders --id 4711 --id 4712`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	c.selection.Flags(cmd)
	return cmd
}

func (c *dlqRetryCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	keys, read, events, err := c.deadLetters().Documents(p.Name, c.selection)
	if err != nil {
		return err
	}
	if events > 0 {
		c.Warn(fmt.Sprintf("%d events are left: they cannot be applied one by one; mend the topic or the handlers, then: humpty rebuild %s", events, p.Name))
	}
	if len(keys) == 0 {
		c.Printf("%s: no documents to write again\n", p.Name)
		return nil
	}
	return c.compare(cmd.Context(), conf, p, "dlq retry", func(ctx context.Context, x repair.Verify) (repair.Result, error) {
		again := c.deadLetters().Writer(p.Name, x.Owner.Run)
		do := repair.Retry{Verify: x, Keys: keys, Letters: again}
		finding, err := do.Run(ctx)
		if _, _, closing := again.Close(); closing != nil {
			return finding, errors.Join(err, closing)
		}
		return finding, errors.Join(err, c.deadLetters().DiscardRetried(p.Name, x.Owner.Run, c.selection, read, err))
	})
}

// dlqDiscardCommand deletes dead letters.
type dlqDiscardCommand struct {
	*app
	selection dlq.Selection
}

func newDLQDiscardCommand(a *app) *cobra.Command {
	c := dlqDiscardCommand{app: a}
	cmd := &cobra.Command{
		Use:   "discard [PROJECTION]",
		Short: "Delete dead letters",
		Long: `discard deletes dead letters, all of a projection or those that the flags choose. It cannot
be undone, so it asks for the projection's name; --yes answers for machines. Letters that
humpty follow writes after they were counted stay.`,
		Example: `  humpty dlq discard orders --run 20261123t214100-abcdef
  humpty dlq discard orders --yes`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	c.selection.Flags(cmd)
	return cmd
}

func (c *dlqDiscardCommand) run(cmd *cobra.Command, args []string) error {
	_, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	var n int64
	read := dlq.Letters{}
	if err := c.deadLetters().Each(p.Name, c.selection, func(_ string, l deadletter.Letter) error { n++; return read.Add(l) }); err != nil {
		return err
	}
	if n == 0 {
		c.Printf("%s: no dead letters to discard\n", p.Name)
		return nil
	}
	question := fmt.Sprintf("%s: %d dead letters will be deleted for good.\nType the projection's name (%[1]s) to go on: ", p.Name, n)
	if err := c.Confirm(question, p.Name, c.CommandLine("humpty dlq discard", p.Name, "--yes")); err != nil {
		return err
	}
	n, err = c.deadLetters().Discard(p.Name, c.selection.Run, read)
	c.Printf("%s: %s dead letters discarded\n", p.Name, ui.Count(n))
	return err
}
