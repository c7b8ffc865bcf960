package elastic_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"humpty/internal/field"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// document is what the drafts below hold, as a source tells it: id, total, name, paid, placed, and
// a customer and lines.
var document = []field.Field{
	{Name: "id", Kind: field.Whole, Of: "shop.orders.id, int8", Place: "humpty.yaml:9:5"},
	{Name: "total", Kind: field.Fraction, Of: "shop.orders.total, numeric", Place: "humpty.yaml:9:5"},
	{Name: "name", Kind: field.Text, Of: "shop.orders.name, text"},
	{Name: "paid", Kind: field.Boolean, Of: "shop.orders.paid, bool"},
	{Name: "placed", Kind: field.Date, Of: "shop.orders.placed, date"},
	{Name: "customer", Kind: field.Object, Of: "the include of shop.customer", Fields: []field.Field{{Name: "name", Kind: field.Text, Of: "shop.customer.name, text"}}},
}

const written = `{"id":1,"total":99.9,"name":"x","paid":true,"placed":"2026-01-01","customer":{"name":"y"}}`

// mapped is a mapping for all of it, with parts replaced.
func mapped(pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(`{"settings":{"number_of_shards":1},"mappings":{"dynamic":"strict","properties":{"id":{"type":"long"},"total":{"type":"double"},"name":{"type":"keyword"},"paid":{"type":"boolean"},"placed":{"type":"date"},"customer":{"properties":{"name":{"type":"keyword"}}}}}}`)
}

// What the target would refuse for every document is refused before the index is made. The
// target is asked, too: it refuses the document, or the index, or gives back another document.
func TestDraftsThatAreRefused(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		product := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
		long := `"total":{"type":"double"}`
		for name, c := range map[string]struct {
			only, definition, said string
			more                   field.Field // of the document
			value                  string      // its value
			stored                 bool        // the target takes the document, and does not keep it as it is
		}{
			"strict without a field":             {"", mapped(`"total":{"type":"double"},`, ""), "has no field total (shop.orders.total, numeric)", field.Field{}, "", false},
			"strict without a field below":       {"", mapped(`"properties":{"name":{"type":"keyword"}}`, `"dynamic":"strict","type":"object"`), "has no field customer.name", field.Field{}, "", false},
			"strict in an object only":           {"", mapped(`"dynamic":"strict"`, `"dynamic":"true"`, `{"properties":{"name":{"type":"keyword"}}}`, `{"dynamic":"strict","type":"object"}`), "has no field customer.name", field.Field{}, "", false},
			"strict without a name with dots":    {"", mapped(), "has no field a", field.Field{Name: "a.b", Kind: field.Text}, `"x"`, false},
			"_id as a column":                    {"", mapped(), "field _id cannot be in a document", field.Field{Name: "_id", Kind: field.Whole}, "7", false},
			"_source as a column":                {"", mapped(`"dynamic":"strict"`, `"dynamic":"false"`), "field _source cannot be", field.Field{Name: "_source", Kind: field.Text}, `"x"`, false},
			"_routing as a column":               {"", mapped(), "field _routing cannot be", field.Field{Name: "_routing", Kind: field.Text}, `"x"`, false},
			"_seq_no as a column":                {"", mapped(), "field _seq_no cannot be", field.Field{Name: "_seq_no", Kind: field.Whole}, "7", false},
			"_index as a column":                 {"", mapped(), "field _index cannot be", field.Field{Name: "_index", Kind: field.Text}, `"x"`, false},
			"_version as a column":               {"", mapped(), "field _version cannot be", field.Field{Name: "_version", Kind: field.Whole}, `7`, false},
			"_ignored as a column":               {"", mapped(), "field _ignored cannot be", field.Field{Name: "_ignored", Kind: field.Whole}, `7`, false},
			"_field_names as a column":           {"", mapped(), "field _field_names cannot be", field.Field{Name: "_field_names", Kind: field.Text}, `"x"`, false},
			"an object as a keyword":             {"", mapped(`{"properties":{"name":{"type":"keyword"}}}`, `{"type":"keyword"}`), "field customer is an object in the documents", field.Field{}, "", false},
			"a number as an object":              {"", mapped(long, `"total":{"properties":{"x":{"type":"long"}}}`), "field total is a number", field.Field{}, "", false},
			"a text as nested":                   {"", mapped(`"name":{"type":"keyword"},"paid"`, `"name":{"type":"nested"},"paid"`), "field name is a text", field.Field{}, "", false},
			"true or false as a number":          {"", mapped(`"boolean"`, `"long"`), "field paid is true or false", field.Field{}, "", false},
			"a number as true or false":          {"", mapped(`"double"`, `"boolean"`), "field total is a number", field.Field{}, "", false},
			"a number as an address":             {"", mapped(`"double"`, `"ip"`), "field total is a number", field.Field{}, "", false},
			"a field alias":                      {"", mapped(long, `"total":{"type":"alias","path":"id"}`), "field total (shop.orders.total, numeric) is an alias", field.Field{}, "", false},
			"a name below a number":              {"", mapped(), "field id is an object", field.Field{Name: "id.x", Kind: field.Text}, `"x"`, false},
			"routing that is required":           {"", mapped(`"dynamic":"strict"`, `"dynamic":"strict","_routing":{"required":true}`), "_routing is required", field.Field{}, "", false},
			"too many fields with those":         {"", mapped(`"number_of_shards":1`, `"number_of_shards":1,"mapping.total_fields.limit":8`, `"dynamic":"strict"`, `"dynamic":true`), "would have at least 9 fields", field.Field{Name: "more", Kind: field.Text}, `"x"`, false},
			"too many fields":                    {"", mapped(`"number_of_shards":1`, `"number_of_shards":1,"mapping.total_fields.limit":2`), "the target refuses it", field.Field{}, "", false},
			"a type that is not there":           {"", mapped(`"double"`, `"duoble"`), "the target refuses it", field.Field{}, "", false},
			"a setting that is not there":        {"", mapped(`"number_of_shards":1`, `"index.no_such":1`), "the target refuses it", field.Field{}, "", false},
			"an analyzer that is not there":      {"", mapped(`"keyword"},"paid"`, `"text","analyzer":"mine"},"paid"`), "the target refuses it", field.Field{}, "", false},
			"sorted by a field that is not":      {"", mapped(`"number_of_shards":1`, `"sort.field":"nope"`), "sorted by nope", field.Field{}, "", false},
			"_source off":                        {"", mapped(`"dynamic":"strict"`, `"_source":{"enabled":false}`), "_source is not enabled", field.Field{}, "", true},
			"_source without a part":             {"", mapped(`"dynamic":"strict"`, `"_source":{"excludes":["name"]}`), "_source.excludes", field.Field{}, "", true},
			"_source with a part":                {"", mapped(`"dynamic":"strict"`, `"_source":{"includes":"id"}`), "_source.includes", field.Field{}, "", true},
			"_source put together":               {"Elasticsearch", mapped(`"number_of_shards":1`, `"index.mapping.source.mode":"synthetic"`), "source.mode is synthetic", field.Field{}, "", true},
			"_source put together, by mapping":   {"Elasticsearch", mapped(`"dynamic":"strict"`, `"_source":{"mode":"synthetic"}`), "_source.mode is synthetic", field.Field{}, "", true},
			"_source off by its mode":            {"Elasticsearch", mapped(`"number_of_shards":1`, `"index.mapping.source.mode":"disabled"`), "source.mode is disabled", field.Field{}, "", true},
			"an index of logs":                   {"Elasticsearch", mapped(`"number_of_shards":1`, `"index.mode":"logsdb"`), "index.mode is logsdb", field.Field{}, "", true},
			"_source derived":                    {"OpenSearch", mapped(`"number_of_shards":1`, `"index.derived_source.enabled":true`), "derived_source.enabled is true", field.Field{}, "", true},
			"a default pipeline":                 {"", mapped(`"number_of_shards":1`, `"index.default_pipeline":"p"`), "ingest pipeline p", field.Field{}, "", true},
			"a final pipeline":                   {"", mapped(`"number_of_shards":1`, `"index.final_pipeline":"p"`), "ingest pipeline p", field.Field{}, "", true},
			"more shards than the cluster takes": {"", mapped(`"number_of_shards":1`, `"number_of_shards":900,"number_of_replicas":9`), "the index would have 9000 shards", field.Field{}, "", true},
		} {
			if c.only != "" && c.only != product {
				continue
			}
			alias := elastictest.Alias(t, url)
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
			d := sinks.Draft{Name: alias + "-1", Definition: []byte(c.definition), Fields: document}
			body := written
			if c.more.Name != "" {
				d.Fields = append([]field.Field{c.more}, document...)
				body = fmt.Sprintf(`{%q:%s,%s`, c.more.Name, c.value, written[1:])
			}
			found, err := target.CheckDraft(t.Context(), d)
			said := fmt.Sprint(found.Errors())
			if err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, c.said) {
				t.Errorf("%s: it is not refused by %q: %s", name, c.said, said)
			}
			if c.stored {
				continue
			}
			answer := elastictest.Call(t, http.MethodPut, url+"/"+alias+"-0", c.definition)
			if strings.Contains(answer, `"acknowledged":true`) {
				answer = elastictest.Call(t, http.MethodPut, url+"/"+alias+"-0/_doc/1", body)
			}
			if !strings.Contains(answer, `"error"`) {
				t.Errorf("%s: the target takes it: %s", name, answer)
			}
		}
	})
}

// What the target takes is not refused.
func TestDraftsThatAreRight(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		for name, definition := range map[string]string{
			"all of it":               mapped(),
			"dynamic: false":          `{"mappings":{"dynamic":false}}`,
			"dynamic: true":           `{}`,
			"strict elsewhere":        mapped(`{"properties":{"name":{"type":"keyword"}}}`, `{"dynamic":true,"type":"object"}`),
			"an object that is not":   mapped(`{"properties":{"name":{"type":"keyword"}}}`, `{"type":"object","enabled":false}`),
			"names with dots":         mapped(`"customer":{"properties":{"name":{"type":"keyword"}}}`, `"customer.name":{"type":"keyword"}`),
			"nested":                  mapped(`{"properties":{"name":{"type":"keyword"}}}`, `{"type":"nested","properties":{"name":{"type":"keyword"}}}`),
			"a whole number as float": mapped(`"long"`, `"float"`),
			"true or false as a word": mapped(`"boolean"`, `"keyword"`),
			"a value, malformed":      mapped(`"boolean"`, `"long","ignore_malformed":true`),
			"as many fields as may":   mapped(`"number_of_shards":1`, `"mapping.total_fields.limit":7`),
			"sorted":                  mapped(`"number_of_shards":1`, `"sort.field":["placed","id"],"sort.order":["desc","asc"]`),
			"_source said to be on":   mapped(`"dynamic":"strict"`, `"_source":{"enabled":true,"excludes":[]}`),
			"no pipeline":             mapped(`"number_of_shards":1`, `"index.default_pipeline":"_none"`),
			"an analyzer of its own":  `{"settings":{"analysis":{"analyzer":{"mine":{"type":"custom","tokenizer":"standard"}}}},"mappings":{"properties":{"name":{"type":"text","analyzer":"mine"}}}}`,
			"a null setting":          `{"settings":{"index.refresh_interval":null}}`,
		} {
			alias := elastictest.Alias(t, url)
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
			found, err := target.CheckDraft(t.Context(), sinks.Draft{Name: alias + "-1", Definition: []byte(definition), Fields: document})
			if err != nil || len(found.Errors()) > 0 {
				t.Errorf("%s: %v %v", name, err, found)
			}
			if definition == `{}` && !strings.Contains(fmt.Sprint(found), `"total": {"type": "double"}`) {
				t.Errorf("nothing warns of total: %v", found)
			}
			if strings.Contains(definition, `"total"`) && len(found) > 0 {
				t.Errorf("%s: warnings %v", name, found)
			}
			answer := elastictest.Call(t, http.MethodPut, url+"/"+alias+"-0", definition)
			if strings.Contains(answer, `"acknowledged":true`) {
				answer = elastictest.Call(t, http.MethodPut, url+"/"+alias+"-0/_doc/1", written)
			}
			if strings.Contains(answer, `"error"`) {
				t.Errorf("%s: the target refuses it: %s", name, answer)
			}
		}
	})
}

// Documents that are placed by their ids are not found through routing; those with one may be.
func TestDraftAndTheAlias(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
		for name, c := range map[string]struct {
			shards  int
			routed  bool
			refused bool
		}{"by ids over three": {3, false, true}, "by ids in one": {1, false, false}, "by routing over three": {3, true, false}} {
			found, err := target.CheckDraft(t.Context(), sinks.Draft{
				Name: alias + "-1", Definition: fmt.Appendf(nil, `{"settings":{"number_of_shards":%d}}`, c.shards), Fields: document, Routed: c.routed,
				Alias: sinks.AliasAction{Alias: alias, SearchRouting: "7"},
			})
			if err != nil || strings.Contains(fmt.Sprint(found.Errors()), "placed by their ids") != c.refused {
				t.Errorf("%s: %v %v", name, err, found)
			}
		}
	})
}

// A template that matches brings its mapping, too.
func TestDraftAndTemplates(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		for name, c := range map[string]struct{ template, said string }{
			"strict":       {`{"mappings":{"dynamic":"strict"}}`, "has no field id"},
			"_source off":  {`{"mappings":{"_source":{"enabled":false}}}`, "_source is not enabled"},
			"another kind": {`{"mappings":{"properties":{"customer":{"type":"keyword"}}}}`, "customer"},
			"a pipeline":   {`{"settings":{"index.default_pipeline":"p"}}`, "ingest pipeline p"},
		} {
			alias := elastictest.Alias(t, url)
			path := url + "/_index_template/" + alias
			elastictest.Call(t, http.MethodPut, path, `{"index_patterns":["`+alias+`-*"],"priority":900,"template":`+c.template+`}`)
			t.Cleanup(func() { elastictest.Call(t, http.MethodDelete, path, "") })
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
			definition := `{}`
			if name == "another kind" {
				definition = `{"mappings":{"properties":{"customer":{"properties":{"name":{"type":"keyword"}}}}}}`
			}
			found, err := target.CheckDraft(t.Context(), sinks.Draft{Name: alias + "-1", Definition: []byte(definition), Fields: document})
			if said := fmt.Sprint(found.Errors(), err); !strings.Contains(said, c.said) {
				t.Errorf("%s: %s", name, said)
			}
		}
	})
}
