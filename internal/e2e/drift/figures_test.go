package drift

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/projector/verify"
)

// TestFigures measures what verification and repair cost beside a rebuild, on servers of its
// own. HUMPTY_FIGURES is the number of orders, for example 1000000.
func TestFigures(t *testing.T) {
	orders, err := strconv.Atoi(os.Getenv("HUMPTY_FIGURES"))
	if err != nil {
		t.Skip("measures; HUMPTY_FIGURES=ORDERS says how much")
	}
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindElasticsearch}, Heap: "2g",
		Config: map[devstack.Kind][]string{devstack.KindElasticsearch: {"cluster.routing.allocation.disk.threshold_enabled: false"}},
	})
	p := newPlace(t, stack.Addresses().Elasticsearch, orders)

	r := projector.Rebuild{Projection: p.projection, Source: p.source, Target: p.target, Owner: p.owner("rebuild")}
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gate := 0.0
	for _, phase := range rec.Phases {
		if phase.Phase == report.PhaseVerify {
			gate = phase.Seconds
		}
	}
	rebuild := rec.Seconds - gate
	t.Logf("rebuild without its gate %.1f s; gate (bytes) %.1f s = %.0f%%", rebuild, gate, 100*gate/rebuild)

	_, finding := p.found(t)
	plain := finding.Seconds
	t.Logf("verify of the live index (canonical) %.1f s = %.0f%% of the rebuild", plain, 100*plain/rebuild)

	id := p.ids(t)[orders/2]
	doc := p.document(t, id)
	p.do(t, http.MethodPut, "/"+p.alias+"/_doc/"+id+"?refresh=true", strings.Replace(doc, `"o_orderpriority":"`, `"o_orderpriority":"~`, 1), nil)
	p.want(t, map[string]verify.Kind{id: verify.Stale})
	p.do(t, http.MethodPut, "/"+p.alias+"/_doc/"+id+"?refresh=true", doc, nil)

	planted := p.everyNth(t, 100)
	e := p.examine()
	start := time.Now()
	found := 0
	e.Each = func(d verify.Difference) error {
		if planted[d.ID] != d.Kind {
			return fmt.Errorf("%s is %s, planted %q", d.ID, d.Kind, planted[d.ID])
		}
		found++
		return nil
	}
	e.Observe = func(ev report.Event) {
		if ev.Kind == report.Ended {
			t.Logf("  of which %s %.1f s", ev.Phase, ev.Elapsed.Seconds())
		}
	}
	do := repair.Repair{Verify: e, MaxDelete: -1, MaxStale: -1}
	finding, err = do.Run(t.Context())
	if err != nil || found != len(planted) {
		t.Fatalf("%v: found %d, planted %d", err, found, len(planted))
	}
	took := time.Since(start).Seconds()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("repair of %d differences (%+v) %.1f s = %.2f × verify; %d MB of memory from the system at most", found, *finding.Repair, took, took/plain, m.Sys>>20)
	p.right(t, finding.Generation)
}

// everyNth plants a difference into every nth document, a third of each kind.
func (p *place) everyNth(t *testing.T, n int) map[string]verify.Kind {
	t.Helper()
	planted := map[string]verify.Kind{}
	ids := p.ids(t)
	doc := p.document(t, ids[0])
	var bulk strings.Builder
	send := func() {
		if bulk.Len() > 0 {
			p.do(t, http.MethodPost, "/"+p.alias+"/_bulk", bulk.String(), nil)
			bulk.Reset()
		}
	}
	for i := n; i < len(ids); i += n {
		switch id := ids[i]; i / n % 3 {
		case 0:
			fmt.Fprintf(&bulk, "{\"delete\":{\"_id\":%q}}\n", id)
			planted[id] = verify.Missing
		case 1:
			fmt.Fprintf(&bulk, "{\"index\":{\"_id\":%q}}\n%s\n", id, doc)
			planted[id] = verify.Stale
		case 2:
			fmt.Fprintf(&bulk, "{\"index\":{\"_id\":\"x%s\"}}\n%s\n", id, doc)
			planted["x"+id] = verify.Extra
		}
		if bulk.Len() > 1<<20 {
			send()
		}
	}
	send()
	return planted
}
