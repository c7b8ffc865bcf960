package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/trial"
	"humpty/internal/config"
)

// projectCommand runs a fold over a few events and prints the documents.
type projectCommand struct {
	*app
	trial   trial.Trial
	include string
}

func newProjectCommand(a *app) *cobra.Command {
	c := projectCommand{app: a}
	cmd := &cobra.Command{
		Use:   "project [PROJECTION] --from EVENTS.ndjson",
		Short: "Run a fold over a few events and print the documents",
		Long: `project folds events of a file, one JSON object a line, and prints the documents they
make: the way to try a fold, and to test it (--expect). It connects to nothing.

With a PROJECTION it folds as that says in the configuration, or as its include from a topic
does that --include names; includes are not joined. Without, --fold and the other flags say
how, and no configuration is read.

An event is {"key": …, "value": …, "time": …, "headers": {…}, "topic": …, "partition": …};
only value is required, and null is a tombstone. A line without "value" is a value itself.
The offset of an event is the number of its line.

--fold is latest, merge, a module in JavaScript (FILE.js), or handlers (FILE.json):
  {"OrderPlaced": [{"set": "status", "value": "placed"}, {"set": "customer", "from": "who.name"}],
   "ItemAdded": [{"upsert": "lines", "from": "item", "by": "sku"}, {"increment": "total", "from": "item.price"}],
   "Cancelled": [{"delete": true}]}
What an event has not at "from" makes it poison; "optional": true leaves the step out instead. Delete ends its list.`,
		Example: `  humpty project parcels --from events.ndjson --expect parcels.ndjson
  humpty project --from events.ndjson --fold orders.js --type type --key order_id
  humpty project --from events.ndjson --fold orders.js --type type --key order_id --expect orders.ndjson
  humpty project --from changes.ndjson --decoder debezium`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
		RunE:              a.begin(c.run),
	}
	flags := cmd.Flags()
	flags.StringVar(&c.trial.From, "from", "", "the events, as JSON lines; - is stdin")
	flags.StringVar(&c.trial.Fold, "fold", "latest", "latest, merge, FILE.js, or FILE.json with handlers")
	flags.StringVar(&c.trial.Decoder, "decoder", "json", "what the values are: json or debezium")
	flags.StringVar(&c.trial.Key, "key", "key", "where the document's id is: key, header:NAME, or a path into the value")
	flags.StringVar(&c.trial.Type, "type", "", "where the event's type is: header:NAME, or a path into the value")
	flags.StringVar(&c.trial.Expect, "expect", "", "the documents that must come out, as project prints them")
	flags.StringVar(&c.include, "include", "", "with a PROJECTION: its include from a topic whose fold is meant, like lines.stock")
	flags.BoolVar(&c.trial.Bare, "bare", false, "every line is a value, even with a member \"value\"")
	return cmd
}

func (c *projectCommand) run(cmd *cobra.Command, args []string) (err error) {
	if c.trial.Events, err = c.events(cmd, args); err != nil {
		return err
	}
	c.trial.In = c.In
	folded, err := c.trial.Run(cmd.Context())
	if err != nil {
		return err
	}
	c.result.Documents = folded.Documents
	for _, d := range folded.Documents {
		c.Printf("%s\n", d.Line())
	}
	for _, l := range folded.Letters {
		c.Warn(fmt.Sprintf("%s:%d: %s", l.Topic, l.Offset, l.Reason))
	}
	if c.trial.Expect != "" {
		if err := c.compare(folded.Documents); err != nil {
			return err
		}
	}
	return folded.Err()
}

// compare holds the documents against what is expected, and prints what differs.
func (c *projectCommand) compare(docs []trial.Document) error {
	unexpected, err := c.trial.Compare(docs)
	c.result.Unexpected = unexpected
	for _, u := range unexpected {
		c.Printf("differs: %s\n", u.ID)
		for _, change := range u.Changes {
			c.Printf("  %s\n", change)
		}
	}
	return err
}

// events finds how a projection, or an include of it, folds; nil if none is named.
func (c *projectCommand) events(cmd *cobra.Command, args []string) (*config.Events, error) {
	if len(args) == 0 {
		if c.include != "" {
			return nil, console.Usage("--include is of a projection, and none is named", "humpty project PROJECTION --include "+c.include)
		}
		return nil, nil
	}
	for _, name := range []string{"fold", "decoder", "key", "type"} {
		if cmd.Flags().Changed(name) {
			return nil, console.Usage("--"+name+" says how to fold, and so does projection "+args[0], "leave one of them out")
		}
	}
	_, p, err := c.projection(cmd, args)
	if err != nil {
		return nil, err
	}
	if c.include == "" && p.Events != nil {
		return p.Events, nil
	}
	var known []string
	for _, j := range p.Joined {
		path := strings.Join(append(slices.Clone(j.At), j.Name), ".")
		if j.Events != nil && path == c.include {
			return j.Events, nil
		}
		if j.Events != nil {
			known = append(known, "--include "+path)
		}
	}
	remedy := "none of its includes is from a topic"
	if len(known) > 0 {
		remedy = "one of: " + strings.Join(known, ", ")
	}
	if c.include != "" {
		return nil, console.Usage(fmt.Sprintf("projection %s has no include %s from a topic", p.Name, c.include), remedy)
	}
	return nil, console.Usage(fmt.Sprintf("projection %s is made of tables, not of events", p.Name), remedy)
}
