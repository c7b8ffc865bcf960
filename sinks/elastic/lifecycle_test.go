package elastic_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// onBothProducts runs a test on Elasticsearch and on OpenSearch.
func onBothProducts(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Parallel()
	for name, server := range map[string]func(testing.TB) string{"Elasticsearch": devstack.Elasticsearch, "OpenSearch": devstack.OpenSearch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server(t))
		})
	}
}

// TestSettings follows the settings from the user's words to the load and back.
func TestSettings(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
		index, name := elastictest.Generation(t, target, alias, `{"settings":{"number_of_shards":2,"index":{"refresh_interval":"7s"},"index.number_of_replicas":1,
			"analysis":{"analyzer":{"mine":{"type":"custom","tokenizer":"standard","filter":["lowercase"]}}}},
			"mappings":{"_meta":{"team":"search"},"properties":{"t":{"type":"text","analyzer":"mine"}}}}`)
		had := elastictest.Settings(t, url, name)
		for key, want := range map[string]string{
			"index.refresh_interval": "-1", "index.number_of_replicas": "0", "index.number_of_shards": "2", "index.translog.durability": "async",
			"index.gc_deletes": "24h", "index.analysis.analyzer.mine.tokenizer": "standard",
		} {
			if had[key] != want {
				t.Errorf("during the load %s is %v, want %s", key, had[key], want)
			}
		}
		var said []string
		if err := index.Seal(t.Context(), func(waiting string) { said = append(said, waiting) }); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, "no longer: index "+name+" stays yellow, 2 copies have no node to be on (the cluster has 1 data nodes)") {
			t.Errorf("Seal does not say that the copies have no place:\n%s", text)
		}
		has := elastictest.Settings(t, url, name)
		for key, want := range map[string]any{
			"index.refresh_interval": "7s", "index.number_of_replicas": "1", "index.translog.durability": nil,
			"index.translog.flush_threshold_size": nil, "index.gc_deletes": "24h",
		} {
			if has[key] != want {
				t.Errorf("after the seal %s is %v, want %v", key, has[key], want)
			}
		}
		if err := index.Note(t.Context(), sinks.Meta{Alias: alias, State: sinks.Live}); err != nil {
			t.Fatal(err)
		}
		if err := index.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if has = elastictest.Settings(t, url, name); has["index.gc_deletes"] != nil {
			t.Errorf("when live index.gc_deletes is %v, want the default", has["index.gc_deletes"])
		}
		survey, err := target.Survey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if left := survey.Generations[0].Meta.PendingSettings; len(left) != 0 {
			t.Errorf("the journal still has %s", left)
		}
		if mapping := elastictest.Call(t, http.MethodGet, url+"/"+name+"/_mapping", ""); !strings.Contains(mapping, `"team":"search"`) {
			t.Errorf("the user's _meta is gone: %s", mapping)
		}
		if !strings.Contains(strings.Join(survey.Warnings, "\n"), "writers can create an index on the name "+alias) {
			t.Errorf("no warning of auto-creation: %q", survey.Warnings)
		}
	})
}

// TestCrashedSeal is a seal that ended between the settings and the journal: another
// run ends it.
func TestCrashedSeal(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	alias := elastictest.Alias(t, url)
	cut := &fakeBulk{}   // no bulk is sent
	var made atomic.Bool // then mappings are not to be had
	cfg := elastic.Config{Addresses: []string{url}, Alias: alias, Wrap: func(next http.RoundTripper) http.RoundTripper {
		cut.next = roundTrip(func(req *http.Request) (*http.Response, error) {
			if made.Load() && strings.HasSuffix(req.URL.Path, "/_mapping") {
				return respond(400, `{"error":{"type":"crash","reason":"by the test"}}`), nil
			}
			return next.RoundTrip(req)
		})
		return cut
	}}
	index, name := elastictest.Generation(t, elastictest.Target(t, cfg), alias, `{"settings":{"refresh_interval":"7s","number_of_replicas":0}}`)
	made.Store(true)
	if err := index.Seal(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "by the test") {
		t.Fatal(err)
	}
	later, err := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias}).Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := later.Seal(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if has := elastictest.Settings(t, url, name); has["index.refresh_interval"] != "7s" || has["index.translog.durability"] != nil {
		t.Errorf("the settings are not restored: %v", has)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestBlocked: what stops writes for good ends in an error that says what to do.
func TestBlocked(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, RetryBound: 100 * time.Millisecond})
		index, name := elastictest.Generation(t, target, alias, "")
		block := func(setting, value string) {
			elastictest.Call(t, http.MethodPut, url+"/"+name+"/_settings", `{"`+setting+`":`+value+`}`)
		}
		verdicts := make([]sinks.Verdict, 3)
		for _, test := range []struct {
			setting string
			parts   []string
		}{
			{"index.blocks.write", []string{"somebody has set a block", `"index.blocks.write": null`}},
			{"index.blocks.read_only_allow_delete", []string{"flood-stage watermark", "free space or add a node"}},
		} {
			block(test.setting, "true")
			_, err := index.Write(t.Context(), elastictest.Batch(3, 1), verdicts)
			elastictest.WantError(t, err, elastic.Failed, append(test.parts, "write to index "+name, "3 documents are without a verdict")...)
			block(test.setting, "null")
			if _, err := index.Write(t.Context(), elastictest.Batch(3, 1), verdicts); err != nil {
				t.Fatalf("after the block: %v", err)
			}
		}
		elastictest.Call(t, http.MethodPost, url+"/"+name+"/_close", "")
		_, err := index.Write(t.Context(), elastictest.Batch(3, 1), verdicts)
		elastictest.WantError(t, err, elastic.Failed, "somebody has closed the index", "/_open")
	})
}

// TestDeletedMeanwhile: an index that is deleted while it is written must not come back
// by itself, empty and with another mapping.
func TestDeletedMeanwhile(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
		index, name := elastictest.Generation(t, target, alias, "")
		verdicts := make([]sinks.Verdict, 3)
		write := func() error {
			_, err := index.Write(t.Context(), elastictest.Batch(3, 1), verdicts)
			return err
		}
		elastictest.Call(t, http.MethodDelete, url+"/"+name+"/_alias/"+name+"-w*", "")
		var fenced *sinks.Fenced
		for range 2 { // it is never put back
			err := write()
			elastictest.WantError(t, err, elastic.Guard, "3 documents are without a verdict", "another process took over", "humpty resume")
			if !errors.As(err, &fenced) {
				t.Errorf("%v is not that of a writer that is shut out", err)
			}
		}
		elastictest.Call(t, http.MethodDelete, url+"/"+name, "")
		elastictest.WantError(t, write(), elastic.Failed, "index "+name+" was deleted while it was written")
		if list := elastictest.Call(t, http.MethodGet, url+"/_cat/indices/"+name+"*?h=index&expand_wildcards=all", ""); list != "" {
			t.Errorf("the write has made index %s", list)
		}
		elastictest.Call(t, http.MethodPut, url+"/"+name, "")
		elastictest.WantError(t, write(), elastic.Failed, "deleted and made again by somebody else")
		elastictest.WantError(t, index.Seal(t.Context(), nil), elastic.Guard, "deleted and made again by somebody else", "what was loaded is gone")
	})
}

// TestGenerationOfAnEarlierVersion: versions before the writers had aliases of their own wrote through
// one, which ends in -load, and left it there. Such a generation opens, is written through an alias
// of the writer's own, and what an old process still sends is refused.
func TestGenerationOfAnEarlierVersion(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
		_, name := elastictest.Generation(t, target, alias, "")
		elastictest.Call(t, http.MethodPost, url+"/_aliases", `{"actions":[{"remove":{"index":"`+name+`","alias":"`+name+`-w*"}},
			{"add":{"index":"`+name+`","alias":"`+name+`-load","is_hidden":true}}]}`)
		late := func(id string) string {
			return elastictest.Call(t, http.MethodPost, url+"/"+name+"-load/_bulk?require_alias=true", `{"index":{"_id":"`+id+`"}}`+"\n{}\n")
		}
		if answer := late("old"); !strings.Contains(answer, `"result":"created"`) {
			t.Fatalf("the test's alias is not as it was: %s", answer)
		}
		if survey, err := target.Survey(t.Context()); err != nil || len(survey.Generations) != 1 {
			t.Errorf("%+v, %v", survey, err)
		}
		index, err := target.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		fence := index.(sinks.WriterFence) //nolint:forcetypeassert // see target.go
		if err := fence.BeginWriter(t.Context(), sinks.FollowWriter); err != nil {
			t.Fatal(err)
		}
		if answer := late("late"); strings.Contains(answer, `"result":"created"`) {
			t.Errorf("what is sent through the old alias lands: %s", answer)
		}
		verdicts := make([]sinks.Verdict, 3)
		if _, err := index.Write(t.Context(), elastictest.Batch(3, 1), verdicts); err != nil || verdicts[2].Outcome != sinks.Written {
			t.Errorf("%+v, %v", verdicts, err)
		}
		if n, err := index.Count(t.Context()); n != 4 || err != nil {
			t.Errorf("%d documents, %v", n, err)
		}
		if err := fence.EndWriter(t.Context()); err != nil {
			t.Error(err)
		}
		if left := elastictest.Call(t, http.MethodGet, url+"/"+name+"/_alias?expand_wildcards=all", ""); strings.Contains(left, name+"-") {
			t.Errorf("a writer's alias is left: %s", left)
		}
	})
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	_, err := elastic.Dial(t.Context(), elastic.Config{Addresses: []string{closed.URL}, Alias: "a"})
	elastictest.WantError(t, err, elastic.Unreachable, "no answer from "+closed.URL, "connection refused", "is the server up")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>It works!</html>")) // the client's trouble
	}))
	defer page.Close()
	_, err = elastic.Dial(t.Context(), elastic.Config{Addresses: []string{page.URL}, Alias: "a"})
	elastictest.WantError(t, err, elastic.Unreachable, "no answer from "+page.URL)
}

// TestGuards refuses other clusters and what is not humpty's.
func TestGuards(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	alias := elastictest.Alias(t, url)
	_, err := elastic.Dial(t.Context(), elastic.Config{Addresses: []string{url}, Alias: alias, ClusterUUID: "another"})
	elastictest.WantError(t, err, elastic.Guard, "not another (cluster_uuid of the target): nothing was touched", "set cluster_uuid: ")
	uuid := strings.TrimSpace(err.Error()[strings.LastIndex(err.Error(), " ")+1:])
	target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, ClusterUUID: uuid})
	foreign := alias + "-foreign"
	elastictest.Call(t, http.MethodPut, url+"/"+foreign, `{"mappings":{"_meta":{"humpty":{"alias":"other"}}}}`)
	_, err = target.Open(t.Context(), foreign)
	elastictest.WantError(t, err, elastic.Guard, "index "+foreign+" was not made by humpty for alias "+alias)
	elastictest.WantError(t, target.Drop(t.Context(), foreign), elastic.Guard, "it is not touched")
	index, name := elastictest.Generation(t, target, alias, "")
	elastictest.Call(t, http.MethodPost, url+"/_aliases", `{"actions":[{"add":{"index":"`+name+`","alias":"`+alias+`.too"}}]}`)
	elastictest.WantError(t, target.Drop(t.Context(), name), elastic.Guard, "is not dropped: alias "+alias+".too serves it")
	if _, err := index.Count(t.Context()); err != nil {
		t.Error(err)
	}
	change := sinks.AliasChange{Alias: alias, To: name, Actions: []sinks.AliasAction{{Verb: "remove_index", Index: foreign}, {Verb: "add", Index: name, Alias: alias}}}
	elastictest.WantError(t, target.Swap(t.Context(), change), elastic.Guard, "a swap must not delete index "+foreign)
	_, err = target.Create(t.Context(), sinks.Generation{Name: "elsewhere", Meta: sinks.Meta{Alias: alias}})
	elastictest.WantError(t, err, elastic.Guard, "its name must begin with "+alias+"-")
}

// TestAliasProperties: filter, routing and write flag go with the alias; other aliases
// of the old index stay.
func TestAliasProperties(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		for _, properties := range []string{
			`{"filter":{"term":{"tenant":7}},"index_routing":"7","search_routing":"7","is_write_index":true}`,
			`{"index_routing":"7"}`,
			`{"search_routing":"7,8"}`,
			`{"index_routing":"7","search_routing":"7,8","is_hidden":true}`,
		} {
			alias := elastictest.Alias(t, url)
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
			legacy := alias + ".legacy"
			elastictest.Call(t, http.MethodPut, url+"/"+legacy, `{"aliases":{"`+alias+`":`+properties+`,"`+alias+`.other":{}}}`)
			_, name := elastictest.Generation(t, target, alias, "")
			survey, err := target.Survey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(survey.Serving) != 1 || survey.Serving[0].Ours || survey.Live() != legacy {
				t.Fatalf("serving %+v, want %s", survey.Serving, legacy)
			}
			change, err := survey.SwapTo(name, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := target.Swap(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			if has := elastictest.Call(t, http.MethodGet, url+"/_alias/"+alias, ""); has != `{"`+name+`":{"aliases":{"`+alias+`":`+properties+`}}}` {
				t.Errorf("the alias is %s, not %s", has, properties)
			}
			if has := elastictest.Call(t, http.MethodGet, url+"/_alias/"+alias+".other", ""); !strings.Contains(has, legacy) {
				t.Errorf("the other alias is %s", has)
			}
		}
	})
}

// TestTemplates: those of the user's fill in what the definition leaves out, but must not
// put an alias on an empty index; a data stream cannot be swapped.
func TestTemplates(t *testing.T) {
	t.Parallel()
	url := devstack.OpenSearch(t) // the other server's build has none
	alias := elastictest.Alias(t, url)
	target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
	template := url + "/_index_template/" + alias
	t.Cleanup(func() { elastictest.Call(t, http.MethodDelete, template, "") })
	elastictest.Call(t, http.MethodPut, template, `{"index_patterns":["`+alias+`-*"],"template":{"aliases":{"`+alias+`":{}}}}`)
	_, err := target.Create(t.Context(), sinks.Generation{Name: alias + "-1", Meta: sinks.Meta{Alias: alias}})
	elastictest.WantError(t, err, elastic.Definition, "would put it behind alias "+alias+" while it is empty", "index_patterns")
	elastictest.Call(t, http.MethodPut, template, `{"index_patterns":["`+alias+`-*"],"template":{"settings":{"refresh_interval":"9s","number_of_replicas":0}}}`)
	index, name := elastictest.Generation(t, target, alias, `{"settings":{"number_of_replicas":"0"}}`)
	if err := index.Seal(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if has := elastictest.Settings(t, url, name); has["index.refresh_interval"] != "9s" {
		t.Errorf("refresh_interval is %v, want the template's", has["index.refresh_interval"])
	}
	for _, test := range [][]string{
		{`"index.default_pipeline":"enrich"`, "index.default_pipeline sends every document through the ingest pipeline enrich", "could not be verified"},
		{`"index.plugins.index_state_management.rollover_alias":"x"`, "puts the index under a lifecycle policy"},
	} {
		if answer := elastictest.Call(t, http.MethodPost, template, `{"index_patterns":["`+alias+`-*"],"template":{"settings":{`+test[0]+`}}}`); !strings.Contains(answer, `"acknowledged":true`) {
			continue // a setting of a plugin that this build does not have
		}
		_, err = target.Create(t.Context(), sinks.Generation{Name: alias + "-1", Meta: sinks.Meta{Alias: alias}})
		elastictest.WantError(t, err, elastic.Definition, append(test[1:], "an index template that matches "+alias+"-1", "index_patterns")...)
	}
	elastictest.Call(t, http.MethodPut, template, `{"index_patterns":["`+alias+`*"],"data_stream":{}}`)
	_, err = target.Create(t.Context(), sinks.Generation{Name: alias + "-1", Meta: sinks.Meta{Alias: alias}})
	elastictest.WantError(t, err, elastic.Definition, "data stream")
	elastictest.Call(t, http.MethodPut, url+"/_data_stream/"+alias, "")
	defer elastictest.Call(t, http.MethodDelete, url+"/_data_stream/"+alias, "")
	_, err = target.Survey(t.Context())
	elastictest.WantError(t, err, elastic.Guard, alias+" is a data stream")
}

// TestOldTemplates: those of the old kind count where none of the new kind does.
func TestOldTemplates(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
		template := url + "/_template/" + alias
		t.Cleanup(func() { elastictest.Call(t, http.MethodDelete, template, "") })
		if answer := elastictest.Call(t, http.MethodPut, template, `{"index_patterns":["`+alias+`-*"],"settings":{"refresh_interval":"9s","number_of_replicas":0}}`); !strings.Contains(answer, "acknowledged") {
			t.Fatal(answer)
		}
		index, name := elastictest.Generation(t, target, alias, `{"settings":{"number_of_replicas":"0"}}`)
		if err := index.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if has := elastictest.Settings(t, url, name); has["index.refresh_interval"] != "9s" {
			t.Errorf("refresh_interval is %v, want the template's", has["index.refresh_interval"])
		}
		elastictest.Call(t, http.MethodPut, template, `{"index_patterns":["`+alias+`-*"],"aliases":{"`+alias+`":{}}}`)
		_, err := target.Create(t.Context(), sinks.Generation{Name: alias + "-1", Meta: sinks.Meta{Alias: alias}})
		elastictest.WantError(t, err, elastic.Definition, "would put it behind alias "+alias+" while it is empty")
	})
}

// TestRefusedDefinitions: what would change documents or indices behind humpty's back.
func TestRefusedDefinitions(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	alias := elastictest.Alias(t, url)
	target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
	for setting, parts := range map[string][]string{
		`"index.lifecycle.name":"hot"`:     {"index.lifecycle.name", "lifecycle policy", "roll over, shrink or delete"},
		`"default_pipeline":"enrich"`:      {"index.default_pipeline", "ingest pipeline enrich", "?pipeline=enrich"},
		`"index":{"final_pipeline":"end"}`: {"index.final_pipeline", "ingest pipeline end"},
	} {
		_, err := target.Create(t.Context(), sinks.Generation{Name: alias + "-1", Meta: sinks.Meta{Alias: alias}, Definition: []byte(`{"settings":{` + setting + `}}`)})
		elastictest.WantError(t, err, elastic.Definition, append(parts, "the definition of the index is wrong", "leave it out")...)
	}
	elastictest.Generation(t, target, alias, `{"settings":{"index.default_pipeline":"_none","number_of_replicas":0}}`)
}

// TestMerge leaves one segment a shard, and only when a load is sealed.
func TestMerge(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		cfg := elastic.Config{Addresses: []string{url}, Alias: alias, Load: elastic.Loading{MaxSegments: 1}}
		index, name := elastictest.Generation(t, elastictest.Target(t, cfg), alias, `{"settings":{"number_of_shards":2,"number_of_replicas":0}}`)
		for i := range 4 {
			if _, err := index.Write(t.Context(), elastictest.Batch(100*(i+1), int64(i+1)), make([]sinks.Verdict, 100*(i+1))); err != nil {
				t.Fatal(err)
			}
			elastictest.Call(t, http.MethodPost, url+"/"+name+"/_flush?force=true", "")
		}
		if err := index.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		elastictest.Call(t, http.MethodPost, url+"/"+name+"/_refresh", "") // until then those that were merged are listed, too
		segments := strings.Fields(elastictest.Call(t, http.MethodGet, url+"/_cat/segments/"+name+"?h=segment", ""))
		if len(segments) != 2 {
			t.Errorf("segments %v in two shards", segments)
		}
		merges := func() string {
			return elastictest.Call(t, http.MethodGet, url+"/"+name+"/_stats/merge?filter_path=_all.primaries.merges.total", "")
		}
		before := merges()
		if err := index.Seal(t.Context(), nil); err != nil || merges() != before {
			t.Errorf("a second seal merges again: %s, then %s (%v)", before, merges(), err)
		}
	})
}

// TestOtherAliases: the survey tells of aliases that a swap leaves where they are.
func TestOtherAliases(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	alias := elastictest.Alias(t, url)
	target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
	elastictest.Call(t, http.MethodPut, url+"/"+alias+".legacy", `{"aliases":{"`+alias+`":{"index_routing":"1","search_routing":"1,2","is_hidden":true},"`+alias+`.b":{},"`+alias+`.a":{}}}`)
	_, name := elastictest.Generation(t, target, alias, "")
	survey, err := target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(survey.Warnings, "\n"); !strings.Contains(text, alias+".legacy also serves "+alias+".a, "+alias+".b: a swap of "+alias+" leaves that as it is") {
		t.Errorf("warnings: %s", text)
	}
	change, err := survey.SwapTo(name, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Swap(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if has := elastictest.Call(t, http.MethodGet, url+"/_alias/"+alias, ""); has != `{"`+name+`":{"aliases":{"`+alias+`":{"index_routing":"1","search_routing":"1,2","is_hidden":true}}}}` {
		t.Errorf("the alias is %s", has)
	}
}

// TestPolicies puts the answer of the plugin, which this build does not have, before a real
// server.
func TestPolicies(t *testing.T) {
	t.Parallel()
	url := devstack.OpenSearch(t)
	alias := elastictest.Alias(t, url)
	pattern := alias + "-*"
	target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, Wrap: func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/_plugins/_ism/policies" {
				return respond(200, `{"policies":[{"_id":"hot","policy":{"ism_template":[{"index_patterns":["`+pattern+`"],"priority":1}]}},{"_id":"none","policy":{"ism_template":null}}]}`), nil
			}
			return next.RoundTrip(req)
		})
	}})
	_, err := target.Create(t.Context(), sinks.Generation{Name: alias + "-1", Meta: sinks.Meta{Alias: alias}})
	elastictest.WantError(t, err, elastic.Definition, "the policy hot of index state management takes every index like "+alias+"-1", "ism_template")
	pattern = "logs-*"
	elastictest.Generation(t, target, alias, "")
}
