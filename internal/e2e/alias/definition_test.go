package alias

import (
	"net/http"
	"strings"
	"testing"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// check says whatever rebuild would refuse, and rebuild makes nothing before it refuses.
func TestCheckSaysWhatRebuildRefuses(t *testing.T) {
	t.Parallel()
	for name, product := range map[string]func(testing.TB) string{"Elasticsearch": devstack.Elasticsearch, "OpenSearch": devstack.OpenSearch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rig.New(t, devstack.Postgres(t), product(t))
			s.SQL(t, rig.Tables)
			if name == "OpenSearch" {
				s.Edit(t, "elasticsearch:", "opensearch:")
			}
			replaced := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(rig.Index) }
			for what, c := range map[string]struct {
				index, said string
				code        int
			}{
				"strict without a field":    {replaced(`"note": {"type": "text"},`, ``), "has no field note (public.orders.note, text)", 64},
				"an object as a keyword":    {replaced(`{"properties": {"name": {"type": "keyword"}}}`, `{"type": "keyword"}`), "field customer is an object in the documents", 64},
				"_source off":               {replaced(`"dynamic": "strict"`, `"dynamic": "strict", "_source": {"enabled": false}`), "_source is not enabled", 64},
				"_source without a part":    {replaced(`"dynamic": "strict"`, `"dynamic": "strict", "_source": {"excludes": ["note"]}`), "_source.excludes", 64},
				"routing that is required":  {replaced(`"dynamic": "strict"`, `"dynamic": "strict", "_routing": {"required": true}`), "_routing is required", 64},
				"a type that is not there":  {replaced(`"double"`, `"duoble"`), "duoble", 64},
				"a default pipeline":        {replaced(`"number_of_shards": 1`, `"number_of_shards": 1, "default_pipeline": "p"`), "ingest pipeline p", 7},
				"more shards than it takes": {replaced(`"number_of_replicas": 0`, `"number_of_replicas": 5000`), "cluster.max_shards_per_node", 64},
			} {
				s.Write(t, "orders.index.json", c.index)
				for _, verb := range []string{"check", "plan", "rebuild"} {
					if a := s.Run(t, verb); a.Code != c.code || !strings.Contains(a.Err, c.said) {
						t.Errorf("%s: %s ends with %d: %s", what, verb, a.Code, a.Err)
					}
				}
				if _, all := s.Request(t, http.MethodGet, "/_cat/indices/"+s.Alias+"*?h=index&expand_wildcards=all", ""); strings.TrimSpace(all) != "" {
					t.Fatalf("%s: an index was made: %s", what, all)
				}
			}
			s.Write(t, "orders.index.json", rig.Index)
			s.Edit(t, "from: shop.orders\n", "from: shop.orders\n      columns: [{_id: id}, customer_id]\n")
			for _, verb := range []string{"check", "rebuild"} {
				s.Run(t, verb).Want(t, 64, "field _id cannot be in a document", "humpty.yaml:")
			}
		})
	}
}

// With dynamic: true the first value decides what a column of numbers becomes.
func TestFractionsThatMayBecomeWhole(t *testing.T) {
	t.Parallel()
	s := rig.New(t, devstack.Postgres(t), devstack.Elasticsearch(t))
	s.SQL(t, rig.Tables)
	s.Write(t, "orders.index.json", `{"mappings": {"dynamic": true, "properties": {"placed": {"type": "date"}}}}`)
	for _, verb := range []string{"check", "plan", "rebuild"} {
		s.Run(t, verb).Want(t, 0, "field total (public.orders.total, numeric) is not in the mapping", "mapped as long", `"total": {"type": "double"}`)
	}
	s.Write(t, "orders.index.json", `{"mappings": {"dynamic": true, "properties": {"total": {"type": "double"}}}}`)
	if a := s.Run(t, "check"); a.Code != 0 || strings.Contains(a.Err, "mapped as long") {
		t.Errorf("the remedy does not help: %d %s", a.Code, a.Err)
	}
}

// Routing of the alias that leads to one of several shards is known before the load.
func TestRoutingOfTheAliasIsKnownEarly(t *testing.T) {
	t.Parallel()
	s := rig.New(t, devstack.Postgres(t), devstack.Elasticsearch(t))
	s.SQL(t, rig.Tables)
	s.Write(t, "orders.index.json", strings.Replace(rig.Index, `"number_of_shards": 1`, `"number_of_shards": 5`, 1))
	s.Run(t, "rebuild").Want(t, 0)
	setAlias(t, s, `,"search_routing":"7"`)
	for _, verb := range []string{"check", "rebuild"} {
		s.Run(t, verb).Want(t, 64, "placed by their ids over 5 shards")
	}
}
