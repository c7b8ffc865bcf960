package drift

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/verify"
	"humpty/sinks"
)

// plant makes differences of each kind at random, as an application would make them.
func (p *place) plant(t *testing.T, rng *rand.Rand, n int) map[string]verify.Kind {
	t.Helper()
	ids := p.ids(t)
	planted := map[string]verify.Kind{}
	var bulk strings.Builder
	for i, at := range rng.Perm(len(ids))[:n] {
		id, doc := ids[at], ""
		if i%6 != 0 {
			doc = p.document(t, id)
		}
		switch i % 6 {
		case 0:
			fmt.Fprintf(&bulk, "{\"delete\":{\"_id\":%q}}\n", id)
			planted[id] = verify.Missing
		case 1: // one character of one field
			doc = strings.Replace(doc, `"o_orderpriority":"`, `"o_orderpriority":"~`, 1)
			planted[id] = verify.Stale
		case 2: // a nested number, by its last digit
			doc = strings.Replace(doc, `"l_linenumber":1`, `"l_linenumber":9`, 1)
			planted[id] = verify.Stale
		case 3: // a field is gone
			doc = regexp.MustCompile(`"o_clerk":"[^"]*",`).ReplaceAllString(doc, "")
			planted[id] = verify.Stale
		case 4:
			fmt.Fprintf(&bulk, "{\"index\":{\"_id\":\"x%s\"}}\n%s\n", id, doc)
			planted["x"+id] = verify.Extra
			continue
		case 5: // another spelling is no difference
			doc = strings.Replace(strings.Replace(doc, `"l_linenumber":1`, `"l_linenumber" : 1.0`, 1), `"o_orderkey":`, `"\u006f_orderkey": `, 1)
		}
		if i%6 != 0 {
			fmt.Fprintf(&bulk, "{\"index\":{\"_id\":%q}}\n%s\n", id, doc)
		}
	}
	var a struct {
		Errors bool `json:"errors"`
		Items  []any
	}
	p.do(t, http.MethodPost, "/"+p.alias+"/_bulk?refresh=true", bulk.String(), &a)
	if a.Errors {
		t.Fatalf("the drift could not be planted: %.500v", a.Items)
	}
	return planted
}

func TestDriftIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	for product, server := range map[string]func(testing.TB) string{"elasticsearch": devstack.Elasticsearch, "opensearch": devstack.OpenSearch} {
		t.Run(product, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, server(t), 1500)
			live := p.rebuild(t)
			p.want(t, map[string]verify.Kind{})
			planted := p.plant(t, rand.New(rand.NewPCG(10, 1)), 60)
			finding := p.want(t, planted)
			if len(finding.Verified.First) != 10 {
				t.Errorf("%d differences are named", len(finding.Verified.First))
			}
			for _, d := range finding.Verified.First {
				if (d.Kind == verify.Stale) != (len(d.Fields) > 0) {
					t.Errorf("%s", d)
				}
			}
			repaired, err := p.repair().Run(t.Context())
			if err != nil || repaired.Repair.Written != 40 || repaired.Repair.Deleted != 10 || repaired.Repair.Superseded != 0 {
				t.Fatalf("%v, %+v", err, repaired.Repair)
			}
			p.right(t, live)
			p.want(t, map[string]verify.Kind{})
		})
	}
}

func TestTheSourceMovesOn(t *testing.T) {
	t.Parallel()
	p := newPlace(t, devstack.Elasticsearch(t), 1000)
	live := p.rebuild(t)
	ids := p.ids(t)
	planted := map[string]verify.Kind{ids[3]: verify.Extra, ids[5]: verify.Stale, ids[7]: verify.Stale, "999999999": verify.Missing}
	p.sql(t, "DELETE FROM shop.lineitem WHERE l_orderkey = $1::bigint", ids[3])
	p.sql(t, "DELETE FROM shop.orders WHERE o_orderkey = $1::bigint", ids[3])
	p.sql(t, "UPDATE shop.orders SET o_totalprice = o_totalprice + 0.01 WHERE o_orderkey = $1::bigint", ids[5])
	p.sql(t, "DELETE FROM shop.lineitem WHERE l_orderkey = $1::bigint AND l_linenumber = 1", ids[7])
	p.sql(t, "INSERT INTO shop.orders SELECT (jsonb_populate_record(o, '{\"o_orderkey\": 999999999}')).* FROM shop.orders o WHERE o_orderkey = $1::bigint", ids[1])
	p.want(t, planted)
	if finding, err := p.repair().Run(t.Context()); err != nil || finding.Repair.Written != 3 || finding.Repair.Deleted != 1 {
		t.Fatalf("%v, %+v", err, finding.Repair)
	}
	p.right(t, live)
}

func TestBrokenSourceDoesNotWipeTheIndex(t *testing.T) {
	t.Parallel()
	p := newPlace(t, devstack.Elasticsearch(t), 1000)
	p.rebuild(t)
	for _, broken := range []string{"shop.lineitem", "shop.lineitem, shop.orders"} {
		p.sql(t, "TRUNCATE "+broken)
		var refusal *problem.Refusal
		if _, err := p.repair().Run(t.Context()); !asRefusal(err, &refusal) || !strings.Contains(err.Error(), "Nothing was written") {
			t.Errorf("%s truncated: %v", broken, err)
		}
	}
	var count struct{ Count int }
	p.do(t, http.MethodGet, "/"+p.alias+"/_count", nil, &count)
	if count.Count != 1000 {
		t.Errorf("%d documents are left", count.Count)
	}
}

func TestGateThatFailsLeavesTheIndexForRepair(t *testing.T) {
	t.Parallel()
	p := newPlace(t, devstack.Elasticsearch(t), 1000)
	first := p.rebuild(t)
	second := p.withoutSwap(t)
	// somebody writes to the new index; the gate of its rebuild would have said no
	ids := p.ids(t)
	p.do(t, http.MethodDelete, "/"+second+"/_doc/"+ids[2]+"?refresh=true", nil, nil)
	p.do(t, http.MethodPut, "/"+second+"/_doc/999999999?refresh=true", p.document(t, ids[1]), nil)
	r := p.repair()
	r.Generation = second
	finding, err := r.Run(t.Context())
	if err != nil || finding.Serving || finding.Repair.Written != 1 || finding.Repair.Deleted != 1 {
		t.Fatalf("%v, %+v", err, finding.Repair)
	}
	survey, err := p.target.Survey(t.Context())
	if err != nil || survey.Live() != first {
		t.Fatalf("%v: the alias serves %s", err, survey.Live())
	}
	if g, _ := survey.Find(second); g.Meta.State != sinks.Verified || g.Meta.Verified == nil || g.Meta.Verified.Repaired != 2 {
		t.Errorf("meta %+v", g.Meta)
	}
	p.right(t, second)
}

func (p *place) withoutSwap(t *testing.T) string {
	t.Helper()
	r := projector.Rebuild{Projection: p.projection, Source: p.source, Target: p.target, Owner: p.owner("rebuild"), NoSwap: true}
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rec.Generation
}
