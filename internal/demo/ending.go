package demo

import (
	"fmt"
	"time"

	"humpty/internal/ui"
)

// ending is the timeline, and what to do next.
func (d *demo) ending() {
	if d.story.json {
		return
	}
	d.story.write("\nTimeline\n")
	d.story.timeline(d.result.Steps)
	d.story.write(fmt.Sprintf("\nThe alias was without an index for %s. Customers never waited: %s transactions during the\n"+
		"rebuild, and none is missing.\n", seconds(d.result.Without), ui.Count(d.result.Meanwhile)))
	if d.result.Kept != nil {
		d.next(*d.result.Kept)
	}
}

func seconds(s float64) string { return ui.Time(time.Duration(s * float64(time.Second))) }

// next says how to go on by hand.
func (d *demo) next(k Kept) {
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
