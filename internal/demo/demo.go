package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/internal/ui"
)

// Run plays the demo and says what was measured, also when it did not come to its end.
// It stops everything it started; with Keep, it does so only if it fails. The error of an
// interrupted demo is ctx's.
func Run(ctx context.Context, o Options) (Result, error) {
	began := time.Now()
	if err := o.normalize(); err != nil {
		return Result{}, err
	}
	s := &story{out: o.Out, json: o.JSON, watch: ui.Options{Out: o.Progress, Bars: o.Bars, Interval: o.Interval}}
	d := &demo{options: o, story: s, project: &project{}, servers: &servers{story: s, version: map[devstack.Kind]string{}}}
	d.result = Result{Orders: d.options.Orders, Seed: d.options.Seed}
	err := d.play(ctx)
	err = errors.Join(err, d.customers.close(ctx), d.carriers.close(), d.follower.close())
	err = errors.Join(err, d.cleanUp(ctx, err))
	d.result.Steps, d.result.Seconds = s.steps, time.Since(began).Seconds()
	if err == nil {
		d.printEnding()
	}
	return d.result, errors.Join(err, d.story.err)
}

// demo is one, with who plays in it.
type demo struct {
	options Options
	story   *story
	result  Result

	servers   *servers
	project   *project
	app       *application
	customers *customers
	carriers  *carriers
	follower  *follower

	hits int64 // of the application's search, before the loss
	lost time.Time
}

func (d *demo) play(ctx context.Context) error {
	for _, chapter := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Three real servers, on this machine only", d.startServers},
		{"A shop", d.shop},
		{"Its carriers, who write events", d.fillTopic},
		{"Its read model, built for the first time", d.firstBuild},
		{"The application, which never stops writing", d.letCustomersIn},
		{"The disaster", d.disaster},
		{"The rebuild, while customers go on", d.rebuild},
		{"Is it right? Ask SQL", d.compare},
		{"Read models of events", d.parcels},
	} {
		d.story.title(chapter.title)
		if err := errors.Join(d.story.err, ctx.Err()); err != nil {
			return err
		}
		if err := chapter.play(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// cleanUp stops the servers, or says where they are.
func (d *demo) cleanUp(ctx context.Context, failed error) error {
	if d.servers.stack == nil {
		return nil
	}
	if !d.options.Keep {
		return errors.Join(d.servers.stack.Close(), os.RemoveAll(d.project.scratch))
	}
	if failed != nil {
		return d.servers.discard(ctx)
	}
	d.result.Kept = &Kept{Postgres: d.servers.postgres, Elasticsearch: d.servers.search, Kafka: d.servers.brokers[0], Config: d.project.file, Data: d.servers.stack.Dir()}
	return d.servers.stack.Close()
}

// printEnding is the timeline, and what to do next.
func (d *demo) printEnding() {
	if d.story.json {
		return
	}
	d.story.write("\nTimeline\n")
	d.story.timeline()
	d.story.write(fmt.Sprintf("\nThe alias was without an index for %s. Customers never waited: %s transactions during the\n"+
		"rebuild, and none is missing.\n", seconds(d.result.WithoutIndex), ui.Count(d.result.WritesMeanwhile)))
	if d.result.Kept != nil {
		d.printNextSteps(*d.result.Kept)
	}
}

func seconds(s float64) string { return ui.Time(time.Duration(s * float64(time.Second))) }

// printNextSteps says how to go on by hand.
func (d *demo) printNextSteps(k Kept) {
	h := d.options.Program + " --config " + k.Config
	d.story.write(fmt.Sprintf(`
The servers go on running, on this machine only, without passwords:
   PostgreSQL     %s
   Elasticsearch  %s
   Kafka          %[7]s
   data and logs  %[3]s
The read models' definition is %[4]s, with orders.index.json beside it.

Try next:
   %[5]s plan orders         # what a rebuild would do; changes nothing
   %[5]s status orders       # the alias, its generations, who works on it
   %[5]s follow orders       # keep the index equal to the tables; stop it with Ctrl-C
   %[5]s rebuild orders      # blue/green: the next generation beside the live one
   %[5]s rollback orders     # and back to the one before
   curl -X DELETE "%[2]s/$(curl -s %[2]s/_cat/aliases/orders?h=index)" && %[5]s rebuild orders
   %[5]s rebuild parcels     # from events
   psql "%[1]s"
Stop it all and remove the data:
   %[6]s
`, k.Postgres, k.Elasticsearch, k.Data, k.Config, h, d.options.Program+" demo --stop", k.Kafka))
}
