package elastic_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// legal are definitions that a target takes, most of them in words that it does not repeat. What
// comes behind only is for one product.
var legal = map[string]struct{ only, definition string }{
	"nothing":                         {"", `{}`},
	"empty parts":                     {"", `{"settings":{},"mappings":{}}`},
	"copy_to as a text":               {"", `{"mappings":{"properties":{"a":{"type":"text","copy_to":"all"},"all":{"type":"text"}}}}`},
	"copy_to as a list":               {"", `{"mappings":{"properties":{"a":{"type":"text","copy_to":["all","b"]},"all":{"type":"text"},"b":{"type":"text"}}}}`},
	"names with dots":                 {"", `{"mappings":{"properties":{"customer.name":{"type":"keyword"},"customer.address.city":{"type":"keyword","ignore_above":64}}}}`},
	"names with dots and objects":     {"", `{"mappings":{"properties":{"customer":{"properties":{"id":{"type":"long"}}},"customer.name":{"type":"keyword"}}}}`},
	"nested include_in_root false":    {"", `{"mappings":{"properties":{"lines":{"type":"nested","include_in_root":false,"properties":{"sku":{"type":"keyword"}}}}}}`},
	"nested include_in_parent false":  {"", `{"mappings":{"properties":{"lines":{"type":"nested","include_in_parent":false}}}}`},
	"nested include_in_root true":     {"", `{"mappings":{"properties":{"lines":{"type":"nested","include_in_root":true}}}}`},
	"numbers as texts":                {"", `{"mappings":{"properties":{"k":{"type":"keyword","ignore_above":"256"},"t":{"type":"text","position_increment_gap":"50"}}}}`},
	"a scaled_float":                  {"OpenSearch", `{"mappings":{"properties":{"s":{"type":"scaled_float","scaling_factor":"100"}}}}`},
	"booleans as texts":               {"", `{"mappings":{"properties":{"k":{"type":"keyword","doc_values":"false","index":"true"}}}}`},
	"defaults spelled out":            {"", `{"mappings":{"dynamic":true,"date_detection":true,"numeric_detection":false,"properties":{"k":{"type":"keyword","index":true,"doc_values":true,"store":false,"norms":false,"eager_global_ordinals":false}}}}`},
	"text defaults spelled out":       {"", `{"mappings":{"properties":{"t":{"type":"text","index":true,"norms":true,"store":false,"index_options":"positions","fielddata":false}}}}`},
	"numeric defaults spelled out":    {"", `{"mappings":{"properties":{"n":{"type":"long","coerce":true,"ignore_malformed":false,"index":true}}}}`},
	"dynamic as a boolean":            {"", `{"mappings":{"dynamic":false,"properties":{"o":{"type":"object","dynamic":true}}}}`},
	"dynamic as a text":               {"", `{"mappings":{"dynamic":"true","properties":{"o":{"type":"object","dynamic":"strict"}}}}`},
	"an object without fields":        {"", `{"mappings":{"properties":{"o":{"type":"object"}}}}`},
	"an object that is not read":      {"", `{"mappings":{"properties":{"o":{"type":"object","enabled":false}}}}`},
	"an object that is read":          {"", `{"mappings":{"properties":{"o":{"type":"object","enabled":true}}}}`},
	"empty properties":                {"", `{"mappings":{"properties":{"o":{"properties":{}}}}}`},
	"empty fields":                    {"", `{"mappings":{"properties":{"t":{"type":"text","fields":{}}}}}`},
	"several fields in one":           {"", `{"mappings":{"properties":{"t":{"type":"text","fields":{"raw":{"type":"keyword","ignore_above":256},"en":{"type":"text","analyzer":"standard"}}}}}}`},
	"a date with formats":             {"", `{"mappings":{"properties":{"d":{"type":"date","format":"yyyy-MM-dd||epoch_millis"}}}}`},
	"a date with the default format":  {"", `{"mappings":{"properties":{"d":{"type":"date","format":"strict_date_optional_time||epoch_millis"}}}}`},
	"the standard analyzer":           {"", `{"mappings":{"properties":{"t":{"type":"text","analyzer":"standard"}}}}`},
	"an analyzer twice":               {"", `{"mappings":{"properties":{"t":{"type":"text","analyzer":"simple","search_analyzer":"simple"}}}}`},
	"a null_value":                    {"", `{"mappings":{"properties":{"b":{"type":"boolean","null_value":"false"},"n":{"type":"integer","null_value":"7"},"k":{"type":"keyword","null_value":"none"}}}}`},
	"geo_shape with an orientation":   {"OpenSearch", `{"mappings":{"properties":{"g":{"type":"geo_shape","orientation":"ccw"}}}}`},
	"geo_shape to the left":           {"OpenSearch", `{"mappings":{"properties":{"g":{"type":"geo_shape","orientation":"clockwise"}}}}`},
	"a geo_point":                     {"", `{"mappings":{"properties":{"g":{"type":"geo_point","ignore_z_value":"true"}}}}`},
	"a field alias":                   {"", `{"mappings":{"properties":{"n":{"type":"long"},"m":{"type":"alias","path":"n"}}}}`},
	"dynamic templates":               {"", `{"mappings":{"dynamic_templates":[{"texts":{"match_mapping_type":"string","mapping":{"type":"keyword"}}}]}}`},
	"date formats as a text":          {"", `{"mappings":{"dynamic_date_formats":["yyyy/MM/dd"]}}`},
	"_source on":                      {"", `{"mappings":{"_source":{"enabled":true}}}`},
	"_routing not required":           {"", `{"mappings":{"_routing":{"required":false}}}`},
	"a meta of a field":               {"", `{"mappings":{"properties":{"n":{"type":"long","meta":{"unit":"ms"}}}}}`},
	"similarity":                      {"", `{"mappings":{"properties":{"t":{"type":"text","similarity":"BM25"}}}}`},
	"settings in all forms":           {"", `{"settings":{"number_of_shards":"1","index":{"number_of_replicas":"0"},"index.refresh_interval":"1000ms"}}`},
	"number_of_routing_shards":        {"", `{"settings":{"number_of_shards":2,"number_of_routing_shards":8}}`},
	"auto_expand_replicas":            {"", `{"settings":{"number_of_replicas":1,"auto_expand_replicas":"0-1"}}`},
	"auto_expand_replicas to all":     {"", `{"settings":{"auto_expand_replicas":"0-all"}}`},
	"auto_expand_replicas off":        {"", `{"settings":{"number_of_replicas":0,"auto_expand_replicas":false}}`},
	"settings that are null":          {"", `{"settings":{"index.refresh_interval":null,"index.max_result_window":null}}`},
	"an analyzer of its own":          {"", `{"settings":{"analysis":{"analyzer":{"mine":{"type":"custom","tokenizer":"standard","filter":"lowercase"}}}},"mappings":{"properties":{"t":{"type":"text","analyzer":"mine"}}}}`},
	"sorted":                          {"", `{"settings":{"index":{"sort.field":"n","sort.order":"desc"}},"mappings":{"properties":{"n":{"type":"long"}}}}`},
	"a range and an ip":               {"", `{"mappings":{"properties":{"r":{"type":"integer_range","coerce":"true"},"i":{"type":"ip","null_value":"::1"}}}}`},
	"a join":                          {"OpenSearch", `{"mappings":{"properties":{"j":{"type":"join","relations":{"order":"line"}}}}}`},
	"a flattened":                     {"Elasticsearch", `{"mappings":{"properties":{"f":{"type":"flattened","depth_limit":"5"}}}}`},
	"a dense_vector":                  {"Elasticsearch", `{"mappings":{"properties":{"v":{"type":"dense_vector","dims":3}}}}`},
	"a runtime field":                 {"Elasticsearch", `{"mappings":{"runtime":{"day":{"type":"keyword"}}}}`},
	"subobjects off":                  {"Elasticsearch", `{"mappings":{"subobjects":false,"properties":{"a.b":{"type":"keyword"}}}}`},
	"a flat_object":                   {"OpenSearch", `{"mappings":{"properties":{"f":{"type":"flat_object"}}}}`},
	"dynamic strict_allow_templates":  {"OpenSearch", `{"mappings":{"dynamic":"strict_allow_templates","properties":{"n":{"type":"long"}}}}`},
	"several names in one text":       {"", `{"settings":{"index":{"sort":{"field":["n","m"],"order":["asc","desc"]}}},"mappings":{"properties":{"n":{"type":"long"},"m":{"type":"date"}}}}`},
	"a token_count":                   {"OpenSearch", `{"mappings":{"properties":{"t":{"type":"text","fields":{"length":{"type":"token_count","analyzer":"standard","enable_position_increments":"true"}}}}}}`},
	"term vectors, prefixes, phrases": {"", `{"mappings":{"properties":{"t":{"type":"text","term_vector":"no","index_prefixes":{},"index_phrases":"false"}}}}`},
}

// No definition that a target takes is called drift, whatever words it has for it; and what is
// changed in the index afterwards is.
func TestLegalDefinitionsAreNoDrift(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		product := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
		for name, one := range legal {
			if one.only != "" && one.only != product {
				continue
			}
			alias := elastictest.Alias(t, url)
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, RetryBound: time.Second})
			made := alias + "-1"
			index, err := target.Create(t.Context(), sinks.Generation{
				Name: made, Definition: []byte(one.definition), Meta: sinks.Meta{Schema: 1, Alias: alias, Run: "r", Epoch: 1, State: sinks.Creating},
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			settings := strings.Contains(one.definition, `"settings":{"`)
			if settings { // which come into force then
				if err := index.Seal(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			differ := func() []string {
				opened, err := target.Open(t.Context(), made) // as a later process does
				if err != nil {
					t.Fatal(err)
				}
				found, err := opened.(sinks.DefinitionDiffer).DiffDefinition(t.Context(), []byte(one.definition))
				if err != nil {
					t.Fatal(err)
				}
				return found
			}
			if found := differ(); len(found) > 0 {
				t.Errorf("%s is called drift: %q", name, found)
			}
			if !settings {
				continue
			}
			if said := elastictest.Call(t, http.MethodPut, url+"/"+made+"/_settings", `{"index.max_result_window":77,"index.refresh_interval":"77s"}`); !strings.Contains(said, "true") {
				t.Fatal(said)
			}
			found := differ()
			if asked := strings.Contains(one.definition, `"1000ms"`); asked != slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, "refresh_interval") }) {
				t.Errorf("%s, another refresh interval: %q", name, found)
			}
		}
	})
}

// A change of the mapping, by hand or by a document, is found.
func TestDriftOfTheMapping(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		const definition = `{"mappings":{"dynamic":false,"properties":{"customer.name":{"type":"keyword"},"free":{"type":"object","dynamic":true},"t":{"type":"text","copy_to":"t2"},"t2":{"type":"text"}}}}`
		for name, c := range map[string]struct{ mapping, document, want string }{
			"a field below a name with dots": {`{"properties":{"customer":{"properties":{"name":{"type":"keyword","ignore_above":9}}}}}`, "", "customer.properties.name.ignore_above"},
			"a field of a field":             {`{"properties":{"t":{"type":"text","copy_to":"t2","fields":{"raw":{"type":"keyword"}}}}}`, "", "properties.t.fields.raw"},
			"another copy_to":                {`{"properties":{"t":{"type":"text","copy_to":["t2","t3"]}}}`, "", "properties.t.copy_to"},
			"a new field":                    {`{"properties":{"n":{"type":"long"}}}`, "", "properties.n was added"},
			"another dynamic":                {`{"dynamic":true}`, "", "mappings.dynamic"},
			"a field that a document brings": {`{"dynamic":true}`, `{"brought":7}`, "properties.brought was added"},
			"a field that a document may":    {"", `{"free":{"x":7}}`, ""},
		} {
			alias := elastictest.Alias(t, url)
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
			index, made := elastictest.Generation(t, target, alias, definition)
			if c.mapping != "" {
				if said := elastictest.Call(t, http.MethodPut, url+"/"+made+"/_mapping", c.mapping); !strings.Contains(said, "true") {
					t.Fatalf("%s: %s", name, said)
				}
			}
			if c.document != "" {
				elastictest.Call(t, http.MethodPut, url+"/"+made+"/_doc/1?refresh=true", c.document)
			}
			found, err := index.(sinks.DefinitionDiffer).DiffDefinition(t.Context(), []byte(definition))
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(found, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("%s: %q, want %q", name, found, c.want)
			}
		}
	})
}
