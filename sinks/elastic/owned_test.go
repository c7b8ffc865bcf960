package elastic_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"humpty/projector/generation"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

const ownedDefinition = `{"settings":{"number_of_replicas":0,"number_of_shards":2},"mappings":{"properties":{"n":{"type":"long"}}}}`

// owned is an alias with two generations, of which the second serves.
type owned struct {
	url, alias string
	target     *elastic.Target
	first      string
	second     string
}

func newOwned(t *testing.T, url string) *owned {
	t.Helper()
	o := &owned{url: url, alias: elastictest.Alias(t, url)}
	through := func(next http.RoundTripper, req *http.Request) (*http.Response, error) { return next.RoundTrip(req) }
	for _, run := range []string{"first", "second"} {
		record, err := rebuildThrough(t, url, o.alias, run, ownedDefinition, through)
		if err != nil {
			t.Fatal(err)
		}
		o.first, o.second = o.second, record.Generation
	}
	o.target = elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: o.alias})
	return o
}

func (o *owned) call(t *testing.T, method, path, body string) string {
	t.Helper()
	answer := elastictest.Call(t, method, o.url+path, body)
	if strings.Contains(answer, `"error"`) {
		t.Fatalf("%s %s: %s", method, path, answer)
	}
	return answer
}

// meta is what an index says of itself, with some keys changed.
func (o *owned) meta(t *testing.T, index string, change map[string]any) string {
	t.Helper()
	var a map[string]struct {
		Mappings struct {
			Meta map[string]map[string]any `json:"_meta"`
		} `json:"mappings"`
	}
	if err := json.Unmarshal([]byte(o.call(t, http.MethodGet, "/"+index+"/_mapping", "")), &a); err != nil {
		t.Fatal(err)
	}
	own := a[index].Mappings.Meta["humpty"]
	maps.Copy(own, change)
	maps.DeleteFunc(own, func(_ string, v any) bool { return v == nil })
	raw, err := json.Marshal(map[string]any{"_meta": map[string]any{"humpty": own}})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// clone copies an index as the server does.
func (o *owned) clone(t *testing.T, from, to string) {
	t.Helper()
	o.call(t, http.MethodPut, "/"+from+"/_settings", `{"index.blocks.write":true}`)
	o.call(t, http.MethodPost, "/"+from+"/_clone/"+to+"?wait_for_active_shards=1", `{"settings":{"index.blocks.write":null}}`)
	o.call(t, http.MethodPut, "/"+from+"/_settings", `{"index.blocks.write":null}`)
}

// scratch makes an index with a mapping that was copied, and one document.
func (o *owned) scratch(t *testing.T, name, mapping string) {
	t.Helper()
	o.call(t, http.MethodPut, "/"+name, `{"settings":{"number_of_replicas":0},"mappings":`+mapping+`}`)
	o.call(t, http.MethodPut, "/"+name+"/_doc/1?refresh=true", `{"n":1}`)
}

// stream makes a data stream whose indices have the _meta of a generation, and says where it is. Not
// each build of Elasticsearch has data streams.
func (o *owned) stream(t *testing.T, name string) string {
	t.Helper()
	template, stream := o.url+"/_index_template/"+name, o.url+"/_data_stream/"+name
	o.call(t, http.MethodPut, "/_index_template/"+name, `{"index_patterns":["`+name+`"],"data_stream":{},"template":{"mappings":`+o.meta(t, o.second, nil)+`}}`)
	t.Cleanup(func() {
		elastictest.Call(t, http.MethodDelete, stream, "")
		elastictest.Call(t, http.MethodDelete, template, "")
	})
	if answer := elastictest.Call(t, http.MethodPut, stream, ""); strings.Contains(answer, `"error"`) && !strings.Contains(answer, "Incorrect HTTP method") {
		t.Fatalf("the data stream was not made: %s", answer)
	}
	return stream
}

func (o *owned) survey(t *testing.T) sinks.Survey {
	t.Helper()
	survey, err := o.target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return survey
}

func namesOf(s sinks.Survey) (names []string) {
	for _, g := range s.Generations {
		names = append(names, g.Name)
	}
	return names
}

// TestCopiesAreForeign: an index that has the _meta of a generation and is not that generation
// is named with its reason, and no verb opens, drops or serves it.
func TestCopiesAreForeign(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		o := newOwned(t, url)
		name := func(suffix string) string { return o.alias + "-" + suffix }
		o.clone(t, o.first, name("backup"))
		o.clone(t, o.first, name("29991130t000001"))
		o.clone(t, o.first, name("shut"))
		o.call(t, http.MethodPost, "/"+name("shut")+"/_close", "")
		o.scratch(t, name("29991130t000002"), o.meta(t, o.second, nil))
		o.scratch(t, name("29991130t000003"), o.meta(t, o.second, map[string]any{"name": name("29991130t000003")}))
		o.scratch(t, name("scratch"), o.meta(t, o.second, map[string]any{"name": nil, "uuid": nil}))
		streams := o.stream(t, name("logs"))
		why := map[string]string{
			name("backup"):          "index " + o.first,
			name("29991130t000001"): "index " + o.first,
			name("shut"):            "index " + o.first,
			name("29991130t000002"): "that of index " + o.second,
			name("29991130t000003"): "is gone: it was made again",
			name("scratch"):         "it is a copy",
		}
		look := func() (all string) {
			for _, index := range slices.Sorted(maps.Keys(why)) {
				all += o.call(t, http.MethodGet, "/"+index+"?expand_wildcards=all", "") + elastictest.Call(t, http.MethodGet, url+"/"+index+"/_count", "")
			}
			return all + elastictest.Call(t, http.MethodGet, streams, "")
		}
		before, survey := look(), o.survey(t)
		if got := namesOf(survey); !slices.Equal(got, []string{o.first, o.second}) {
			t.Errorf("generations are %v, want %s and %s", got, o.first, o.second)
		}
		for index, part := range why {
			f, ok := survey.FindForeign(index)
			if !ok || !strings.Contains(f.Why, part) || f.Unfinished {
				t.Errorf("%s is told as %+v (%v), want %q", index, f, ok, part)
			}
			_, err := o.target.Open(t.Context(), index)
			elastictest.WantError(t, err, elastic.Guard, index, part)
			elastictest.WantError(t, o.target.Drop(t.Context(), index), elastic.Guard, index, part)
			if _, err := survey.SwapTo(index, ""); err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("SwapTo(%s): %v", index, err)
			}
			if _, err := o.target.Save(t.Context(), "none", "none", index, nil); err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("Save(%s): %v", index, err)
			}
		}
		admin := &generation.Admin{Projection: "p", Alias: o.alias, Target: o.target, Owner: sinks.Owner{Run: "r"}}
		change, err := admin.Swap(t.Context(), "", "", false)
		if err != nil || change.To != o.first {
			t.Errorf("swap chose %q: %v", change.To, err)
		}
		if change, err = admin.Rollback(t.Context(), ""); err != nil || change.To != o.second {
			t.Errorf("rollback chose %q: %v", change.To, err)
		}
		drop, err := admin.Prunable(t.Context())
		if err != nil || len(drop) != 1 || drop[0].Name != o.first {
			t.Errorf("prune would drop %+v: %v", drop, err)
		}
		if gone, err := admin.Prune(t.Context(), []string{o.first}); err != nil || len(gone) != 1 {
			t.Errorf("prune dropped %v: %v", gone, err)
		}
		if after := look(); after != before {
			t.Errorf("what is not ours was touched: it was\n%s\nis\n%s", before, after)
		}
	})
}

// TestGenerationsOfEarlierVersions: they have neither name nor uuid in their _meta. The name that
// their run gave makes them ours, and the next note writes both down.
func TestGenerationsOfEarlierVersions(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		o := newOwned(t, url)
		earlier := o.meta(t, o.first, map[string]any{"name": nil, "uuid": nil})
		o.call(t, http.MethodPut, "/"+o.first+"/_mapping", earlier)
		o.clone(t, o.first, o.alias+"-29991130t000001")
		o.scratch(t, o.alias+"-29991130t000002", earlier)
		survey := o.survey(t)
		if got := namesOf(survey); !slices.Equal(got, []string{o.first, o.second}) || len(survey.Foreign) != 2 {
			t.Fatalf("generations are %v, foreign are %+v", got, survey.Foreign)
		}
		if g, _ := survey.Find(o.first); g.Meta.Name != "" || g.Meta.UUID != "" {
			t.Fatalf("the test is about nothing: %+v", g.Meta)
		}
		admin := &generation.Admin{Projection: "p", Alias: o.alias, Target: o.target, Owner: sinks.Owner{Run: "r"}}
		if change, err := admin.Swap(t.Context(), o.first, "", false); err != nil || change.To != o.first {
			t.Fatalf("swap to %q: %v", change.To, err)
		}
		g, _ := o.survey(t).Find(o.first)
		if g.Meta.Name != o.first || g.Meta.UUID != elastictest.Settings(t, url, o.first)["index.uuid"] {
			t.Errorf("after a note the meta says %q, %q", g.Meta.Name, g.Meta.UUID)
		}
	})
}

// TestUnfinishedIndex: one that its process left before it wrote down that it is its own is told
// as unfinished. The run's next process takes it over; Drop takes it as long as it is empty.
func TestUnfinishedIndex(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		fail := true
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(req *http.Request) (*http.Response, error) {
				if fail && req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/_mapping") {
					return nil, errors.New("killed by the test")
				}
				return next.RoundTrip(req)
			})
		}})
		g := sinks.Generation{
			Name: alias + "-20261124t050000", Definition: []byte(ownedDefinition),
			Meta: sinks.Meta{Schema: 1, Alias: alias, Run: "r7", Epoch: 3, State: sinks.Creating},
		}
		if _, err := target.Create(t.Context(), g); err == nil {
			t.Fatal("the process was not killed")
		}
		unfinished := func() (sinks.Foreign, bool) {
			t.Helper()
			survey, err := target.Survey(t.Context())
			if err != nil || len(survey.Generations) > 0 {
				t.Fatalf("generations are %v: %v", namesOf(survey), err)
			}
			return survey.FindForeign(g.Name)
		}
		if f, ok := unfinished(); !ok || !f.Unfinished || f.Run != "r7" || f.Documents != 0 {
			t.Errorf("it is told as %+v (%v)", f, ok)
		}
		_, err := target.Open(t.Context(), g.Name)
		elastictest.WantError(t, err, elastic.Guard, "ended before")
		other := g
		other.Meta.Run, other.Meta.Epoch = "r8", 4
		_, err = target.Create(t.Context(), other)
		elastictest.WantError(t, err, elastic.Guard, "exists already")
		elastictest.Call(t, http.MethodPut, url+"/"+g.Name+"/_doc/1?refresh=true", `{"n":1}`)
		elastictest.WantError(t, target.Drop(t.Context(), g.Name), elastic.Guard, "it has 1 documents")
		elastictest.Call(t, http.MethodDelete, url+"/"+g.Name+"/_doc/1?refresh=true", "")
		if err := target.Drop(t.Context(), g.Name); err != nil {
			t.Fatal(err)
		}
		if f, ok := unfinished(); ok {
			t.Errorf("it is still there: %+v", f)
		}

		if _, err := target.Create(t.Context(), g); err == nil {
			t.Fatal("the process was not killed")
		}
		fail = false
		g.Meta.Epoch = 4
		index, err := target.Create(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		verdicts := make([]sinks.Verdict, 3)
		if _, err := index.Write(t.Context(), elastictest.Batch(3, 1), verdicts); err != nil || verdicts[2].Outcome != sinks.Written {
			t.Fatalf("what was taken over cannot be written: %v, %v", verdicts, err)
		}
		survey, err := target.Survey(t.Context())
		if err != nil || len(survey.Generations) != 1 || survey.Generations[0].Meta.Epoch != 4 || len(survey.Foreign) != 0 {
			t.Errorf("survey says %+v: %v", survey, err)
		}
		if err := index.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if has := elastictest.Settings(t, url, g.Name); has["index.translog.durability"] != nil {
			t.Errorf("the settings of the load stay: %v", has)
		}
	})
}

// TestRestoredIndexIsOurs: a restored index has a uuid of its own, which restore records; until
// then it is a copy.
func TestRestoredIndexIsOurs(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		o := newOwned(t, url)
		o.call(t, http.MethodPut, "/_snapshot/"+o.alias, `{"type":"fs","settings":{"location":"`+o.alias+`"}}`)
		t.Cleanup(func() {
			elastictest.Call(t, http.MethodDelete, url+"/_snapshot/"+o.alias+"/one", "")
			elastictest.Call(t, http.MethodDelete, url+"/_snapshot/"+o.alias, "")
		})
		saved, err := o.target.Save(t.Context(), o.alias, "one", o.second, nil)
		if err != nil {
			t.Fatal(err)
		}
		as := o.alias + "-29991130t000001"
		o.call(t, http.MethodPost, "/_snapshot/"+o.alias+"/one/_restore?wait_for_completion=true", `{"indices":"`+o.second+`","include_aliases":false,"rename_pattern":".+","rename_replacement":"`+as+`"}`)
		if f, ok := o.survey(t).FindForeign(as); !ok || !strings.Contains(f.Why, "it is a copy") {
			t.Errorf("what others restored is told as %+v (%v)", f, ok)
		}
		as = o.alias + "-29991130t000002"
		if _, err := o.target.Restore(t.Context(), saved, as, nil); err != nil {
			t.Fatal(err)
		}
		g, ok := o.survey(t).Find(as)
		if !ok || g.Meta.Name != as || g.Meta.UUID != elastictest.Settings(t, url, as)["index.uuid"] {
			t.Errorf("what was restored is %+v (%v)", g, ok)
		}
	})
}
