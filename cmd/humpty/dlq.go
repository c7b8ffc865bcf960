package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"humpty/internal/deadletter"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/ledger"
	"humpty/sinks"
)

func (a *app) dlqCommand() *cobra.Command {
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
				return &usageError{fmt.Sprintf("there is no dlq %q", args[0]), "one of: list, show, retry, discard"}
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.dlqList(), a.dlqShow(), a.dlqRetry(), a.dlqDiscard())
	return cmd
}

// heap is how many dead letters of one run have one type.
type heap struct {
	Projection string `json:"projection"`
	Run        string `json:"run"`
	Kind       string `json:"kind"` // document | event
	Type       string `json:"type"`
	Letters    int64  `json:"letters"`
	Where      string `json:"where"`  // index or topic of the first
	Reason     string `json:"reason"` // of the first
}

func (a *app) dlqList() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "list [PROJECTION]",
		Short:             "Count dead letters by run and type",
		Example:           "  humpty dlq list orders",
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		_, projections, err := a.some(cmd, args)
		if err != nil {
			return err
		}
		heaps := []heap{}
		for _, p := range projections {
			first := len(heaps)
			err := a.eachLetter(p.Name, chosenLetters{}, func(run string, l deadletter.Letter) error {
				heaps = pile(heaps, first, heap{Projection: p.Name, Run: run, Type: l.Type, Reason: l.Reason}, l)
				return nil
			})
			if err != nil {
				return err
			}
		}
		a.result.Letters = &heaps
		if len(heaps) == 0 {
			a.printf("no dead letters\n")
		}
		for _, h := range heaps {
			a.printf("%s  run %s: %s %ss, %s, for %s: %s\n", h.Projection, h.Run, ui.Count(h.Letters), h.Kind, cmp.Or(h.Type, "no type"), h.Where, h.Reason)
		}
		return nil
	})
	return cmd
}

// pile adds a letter to its heap, one of those from `first` on.
func pile(heaps []heap, first int, h heap, l deadletter.Letter) []heap {
	h.Kind, h.Letters = "event", 1
	if l.Document != nil {
		h.Kind, h.Where = "document", l.Index
	} else if l.Event != nil {
		h.Where = fmt.Sprintf("%s/%d at %d", l.Topic, l.Partition, l.Offset)
	}
	at := slices.IndexFunc(heaps[first:], func(o heap) bool { return o.Run == h.Run && o.Kind == h.Kind && o.Type == h.Type })
	if at < 0 {
		return append(heaps, h)
	}
	heaps[first+at].Letters++
	return heaps
}

func (a *app) dlqShow() *cobra.Command {
	var c chosenLetters
	var most int
	cmd := &cobra.Command{
		Use:   "show [PROJECTION]",
		Short: "Print dead letters as JSON lines",
		Example: `  humpty dlq show orders --id 4711
  humpty dlq show orders --most 0 | jq -r .reason | sort | uniq -c`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		_, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		shown, more := 0, 0
		err = a.eachLetter(p.Name, c, func(_ string, l deadletter.Letter) error {
			if most > 0 && shown == most {
				more++
				return nil
			}
			shown++
			if a.flags.json {
				a.line(letterLine{Schema: 1, Type: "letter", Letter: l})
				return nil
			}
			line, err := json.Marshal(l)
			a.printf("%s\n", line)
			return err
		})
		if more > 0 {
			a.warn(fmt.Sprintf("%d more are not shown: --most 0 shows all", more))
		}
		return err
	})
	c.flags(cmd)
	cmd.Flags().IntVar(&most, "most", 10, "how many to show; 0: all")
	return cmd
}

// letterLine is a dead letter among the lines of --json.
type letterLine struct {
	Schema int               `json:"schema"`
	Type   string            `json:"type"` // letter
	Letter deadletter.Letter `json:"letter"`
}

func (a *app) dlqRetry() *cobra.Command {
	var c chosenLetters
	cmd := &cobra.Command{
		Use:   "retry [PROJECTION]",
		Short: "Write documents that were refused again, as the source has them now",
		Long: `retry reads the documents of dead letters from the source, as they are now, and writes them
into the index that the alias serves, each on condition that nobody writes it meanwhile.
What was refused once is not sent as it was: it may have changed since, or be deleted.

Letters of documents that are right then are discarded. What is refused again becomes a
letter of this run, with the new reason (exit code 6). Events cannot be applied one by one:
mend the topic or the handlers, and rebuild.`,
		Example: `  humpty dlq retry orders
  humpty dlq retry orders --id 4711 --id 4712`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		conf, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		keys, events, err := a.letterKeys(p.Name, c)
		if err != nil {
			return err
		}
		if events > 0 {
			a.warn(fmt.Sprintf("%d events are left: they cannot be applied one by one; mend the topic or the handlers, then: humpty rebuild %s", events, p.Name))
		}
		if len(keys) == 0 {
			a.printf("%s: no documents to write again\n", p.Name)
			return nil
		}
		return a.examine(cmd.Context(), conf, p, "dlq retry", examined{}, func(ctx context.Context, x projector.Examine) (projector.Finding, error) {
			again := a.lettersOf(p.Name, x.Owner.Run)
			do := projector.Retry{Examine: x, Keys: keys, Letters: again}
			finding, err := do.Run(ctx)
			if _, _, closing := again.Close(); closing != nil {
				return finding, errors.Join(err, closing)
			}
			return finding, errors.Join(err, a.settleLetters(p.Name, x.Owner.Run, c, err))
		})
	})
	c.flags(cmd)
	return cmd
}

// letterKeys are the chosen documents, each once.
func (a *app) letterKeys(projection string, c chosenLetters) (keys []sinks.Key, events int64, err error) {
	seen := map[string]bool{}
	err = a.eachLetter(projection, c, func(_ string, l deadletter.Letter) error {
		switch {
		case l.Document == nil:
			events++
		case !seen[l.ID]:
			seen[l.ID] = true
			k := sinks.Key{ID: []byte(l.ID)}
			if l.Routing != "" {
				k.Routing = []byte(l.Routing)
			}
			keys = append(keys, k)
		}
		return nil
	})
	return keys, events, err
}

// settleLetters discards the letters that a retry has dealt with: those of documents that
// are right now, or have a letter of the retry itself.
func (a *app) settleLetters(projection, run string, c chosenLetters, failed error) error {
	var rejected *ledger.TooManyRejections
	if failed != nil && !errors.As(failed, &rejected) {
		return nil
	}
	files, err := a.letterFiles(projection, c.run)
	for _, path := range files {
		if runOf(path) == run {
			continue
		}
		if _, dropping := a.dropLetters(projection, runOf(path), func(l deadletter.Letter) bool { return l.Document != nil && c.wants(l) }); dropping != nil {
			return dropping
		}
	}
	return err
}

func (a *app) dlqDiscard() *cobra.Command {
	var c chosenLetters
	cmd := &cobra.Command{
		Use:   "discard [PROJECTION]",
		Short: "Delete dead letters",
		Long: `discard deletes dead letters, all of a projection or those that the flags choose. It cannot
be undone, so it asks for the projection's name; --yes answers for machines.`,
		Example: `  humpty dlq discard orders --run 20261123t214100-abcdef
  humpty dlq discard orders --yes`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		_, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		var n int64
		if err := a.eachLetter(p.Name, c, func(string, deadletter.Letter) error { n++; return nil }); err != nil {
			return err
		}
		if n == 0 {
			a.printf("%s: no dead letters to discard\n", p.Name)
			return nil
		}
		question := fmt.Sprintf("%s: %d dead letters will be deleted for good.\nType the projection's name (%[1]s) to go on: ", p.Name, n)
		if err := a.confirm(question, p.Name, a.typed("humpty dlq discard", p.Name, "--yes")); err != nil {
			return err
		}
		n, err = a.dropLetters(p.Name, c.run, c.wants)
		a.printf("%s: %s dead letters discarded\n", p.Name, ui.Count(n))
		return err
	})
	c.flags(cmd)
	return cmd
}
