package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/dlq"
	"humpty/cmd/humpty/internal/render"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/deadletter"
	"humpty/internal/ownfile"
	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
)

// verifyCommand compares an index with its sources.
type verifyCommand struct {
	comparison
}

func newVerifyCommand(a *app) *cobra.Command {
	c := verifyCommand{comparison{app: a}}
	cmd := &cobra.Command{
		Use:   "verify [PROJECTION]",
		Short: "Compare an index with its sources, in both directions",
		Long: `verify reads the sources and the index once, in parallel, and compares every document. What
differs is named: missing (in the sources only), stale (not the same), extra (in the index
only). Order of keys, white space and the form of numbers do not matter; fields that
verify.ignore names may differ. Then mapping and settings are held against the definition,
and the queries of verify.queries are asked. Nothing is changed.

Levels (verify.level, --verify): full compares everything; sample compares 69,075 random
documents and the counts, so that with 99.9% probability fewer than 1 in 10,000 differ;
count compares the numbers of documents. A full comparison that exceeds verify.budget falls
back to a sample, and says so.

On an index that the alias serves, what differs at first is read again until it rests: a
document counts as different only if for --settle nobody wrote it and the source has what it
had; what never rests is named as moving. If that is more than one document in a thousand,
the level is partial.

A document that is known to be refused, by the run that made the generation or by humpty
follow, is no difference for as long as its row is what was refused: the index is equal but
for it. So are events that cannot be read. More of them than limits.rejections or
limits.poison end it with exit code 6.

It ends with exit code 3 if anything else differs (humpty repair fixes it), and with 1 if nothing
does but the level is partial: verify again when less is written.`,
		Example: `  humpty verify orders                       # what the alias serves
  humpty verify orders --generation orders-20261123t214100 --diff 3
  humpty verify orders --ids differing.ndjson --json`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	c.flags(cmd)
	cmd.Flags().String("verify", "", "verify.level: count, sample or full (HUMPTY_VERIFY)")
	cmd.Flags().String("rejections", "", "limits.rejections: documents that may be refused (HUMPTY_REJECTIONS)")
	cmd.Flags().String("poison", "", "limits.poison: events that may be unreadable (HUMPTY_POISON)")
	return cmd
}

func (c *verifyCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	return c.compare(cmd.Context(), conf, p, "verify", func(ctx context.Context, x repair.Verify) (repair.Result, error) {
		return x.Run(ctx)
	})
}

// comparison is what the verbs share that compare an index with its sources: verify, repair,
// restore and dlq retry.
type comparison struct {
	*app

	generation string
	diff       int
	ids        string
	settle     time.Duration
}

func (c *comparison) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.generation, "generation", "", "the generation to compare; what the alias serves by default")
	f.IntVar(&c.diff, "diff", 10, "differing documents to show field by field")
	f.StringVar(&c.ids, "ids", "", "write every differing document's id and kind to this file, as JSON lines")
	f.DurationVar(&c.settle, "settle", 5*time.Second, "on an index that others write to: how long a change may be on its way from the source")
}

// compare runs one of them.
func (c *comparison) compare(ctx context.Context, conf *config.Config, p config.Projection, verb string,
	run func(context.Context, repair.Verify) (repair.Result, error),
) (err error) {
	list, err := newIDList(c.ids)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, list.close()) }()
	c.leftovers(conf).Heal(ctx, p)
	runs.NewCaptures(c.leftovers(conf)).Name(ctx, p)
	return c.observed(ctx, func(ctx context.Context, tell func(report.Event), waiting func(string)) error {
		of, err := c.madeBy(ctx, conf, p, verb)
		if err != nil {
			return err
		}
		r, err := assemble.Rebuild(ctx, conf, of, verb, waiting)
		if err != nil {
			return err
		}
		assemble.WaitForBrokers(r.Source, r.MaxOutage, waiting)
		finding, err := run(ctx, repair.Verify{
			Projection: r.Projection, Source: r.Source, Target: r.Target, Owner: r.Owner,
			Generation: c.generation, Settle: c.settle, Show: c.diff, Each: list.add, Observe: tell,
			Refused: func(g sinks.Generation) ([]ledger.Rejection, bool, error) { return c.refused(conf, p, g) },
		})
		c.result.Finding = &finding
		if finding.Generation != "" {
			render.Finding(c.People(), finding, err)
		}
		return err
	})
}

// madeBy is the projection by the definition that made what is compared, where that is kept up to
// date by it: humpty follow holds it against nothing else.
func (c *comparison) madeBy(ctx context.Context, conf *config.Config, p config.Projection, verb string) (config.Projection, error) {
	if p.FeedPrevious == 0 || verb == "restore" {
		return p, nil
	}
	state, err := c.stateFolder(conf)
	if err != nil {
		return p, err
	}
	m, err := assemble.Admin(ctx, conf, p, verb)
	if err != nil {
		return p, err
	}
	survey, _, err := m.Status(ctx)
	if err != nil {
		return p, err
	}
	name := cmp.Or(c.generation, survey.Live())
	g, ok := survey.Find(name)
	fed, _, feeds := m.Feed.At(survey, time.Now())
	if !ok || g.Meta.Definition == p.Hash || name != survey.Live() && (!feeds || name != fed.Name) {
		return p, nil
	}
	of, err := state.Stored(conf, p, g)
	var refusal *problem.Refusal
	if errors.As(err, &refusal) { // it is compared with what is known, which the engine says
		c.Warn(refusal.Why)
		return p, nil
	}
	if err == nil {
		c.Warn(fmt.Sprintf("%s is compared by the definition that it was made by, which is stored with it; that of the file is another one", name))
	}
	return of, err
}

// refused are the documents of a generation that are refused, as far as is known here: all of
// them where the live projector says so, else those of dead letters.
func (c *comparison) refused(conf *config.Config, p config.Projection, g sinks.Generation) (all []ledger.Rejection, complete bool, err error) {
	if state, err := c.stateFolder(conf); err == nil && p.Live {
		if r, err := state.Refused(p.Name, g.Meta.Run); err != nil || r != nil && r.Generation == g.Name {
			if r != nil {
				all = r.Documents
			}
			return all, true, err
		}
	}
	err = c.deadLetters().Each(p.Name, dlq.Selection{}, func(_ string, l deadletter.Letter) error {
		if l.Document != nil && l.Index == g.Name {
			all = append(all, ledger.Rejection{ID: l.ID, Type: l.Type, Reason: l.Reason, Document: ledger.DocumentSum(l.Body)})
		}
		return nil
	})
	return all, false, err
}

// idList writes every difference to a file, if there is one.
type idList struct {
	file *os.File
	out  *bufio.Writer
}

func newIDList(name string) (*idList, error) {
	if name == "" {
		return &idList{}, nil
	}
	file, err := ownfile.Open(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return nil, console.Usage(fmt.Sprintf("--ids %s: %v", name, err), "name a file that can be written")
	}
	return &idList{file: file, out: bufio.NewWriter(file)}, nil
}

func (l *idList) add(d verify.Difference) error {
	if l.out == nil {
		return nil
	}
	line, err := json.Marshal(d)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	return err
}

func (l *idList) close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.out.Flush(), l.file.Close())
}
