package elastic

import (
	"encoding/json"
	"strings"
	"testing"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

func TestParseBulk(t *testing.T) {
	t.Parallel()
	ok := `{"index":{"status":201}}`
	for name, test := range map[string]struct {
		answer string
		n      int
		good   bool
	}{
		"one":                {`{"errors":false,"items":[` + ok + `]}`, 1, true},
		"none":               {`{"errors":false,"items":[]}`, 0, true},
		"white space":        {" {\n\"items\" : [ {\"delete\" : { \"status\" : 404 } } ] , \"errors\":false}\n", 1, true},
		"full answer":        {`{"took":3,"ingest_took":1.5e0,"errors":true,"items":[{"index":{"_index":"a","_id":"\"}","status":400,"error":{"type":"x","reason":"]}"}}}]}`, 1, true},
		"fewer items":        {`{"errors":false,"items":[` + ok + `]}`, 2, false},
		"more items":         {`{"errors":false,"items":[` + ok + `,` + ok + `]}`, 1, false},
		"no items":           {`{"errors":false}`, 1, false},
		"items twice":        {`{"items":[` + ok + `],"items":[` + ok + `]}`, 1, false},
		"no status":          {`{"items":[{"index":{}}]}`, 1, false},
		"item of nothing":    {`{"items":[{}]}`, 1, false},
		"two operations":     {`{"items":[{"index":{"status":201},"delete":{"status":200}}]}`, 1, false},
		"status out of line": {`{"items":[{"index":{"status":20100}}]}`, 1, false},
		"status as text":     {`{"items":[{"index":{"status":"201"}}]}`, 1, false},
		"status with point":  {`{"items":[{"index":{"status":201.5}}]}`, 1, false},
		"truncated":          {`{"errors":false,"items":[` + ok + `]`, 1, false},
		"more behind it":     {`{"items":[` + ok + `]}{}`, 1, false},
		"html":               {`<html>`, 1, false},
		"empty":              {``, 1, false},
		"array":              {`[` + ok + `]`, 1, false},
		"control character":  {"{\"items\":[{\"index\":{\"status\":400,\"error\":\"a\nb\"}}]}", 1, false},
		"too deep":           {`{"items":[{"index":{"status":400,"error":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}]}`, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, err := parseBulk([]byte(test.answer), test.n, nil)
			if (err == nil) != test.good {
				t.Errorf("%v, want accepted: %v", err, test.good)
			}
			if err != nil && len(items) != 0 {
				t.Errorf("a broken answer gives %d items", len(items))
			}
		})
	}
}

// FuzzParseBulk holds the parser against encoding/json: what it accepts is JSON, and says
// the same.
func FuzzParseBulk(f *testing.F) {
	for _, seed := range []string{
		`{"errors":false,"items":[{"index":{"status":201}},{"delete":{"status":404}}]}`,
		`{"items":[{"index":{"status":400,"error":{"type":"a","reason":"\u00e4\"","caused_by":{"type":"b","reason":null}}}},{"index":{"status":429}}]}`,
		`{"took":-1.5E+3,"items":[{"index":{"_shards":{"total":[1,true,null]},"status":200}},{"create":{"status":409,"error":"x"}}],"x":{}}`,
		`{"items":[{"index":{"status":201}},{"index":{"status":2`, `<html>`, ``,
	} {
		f.Add([]byte(seed), 2)
	}
	f.Fuzz(func(t *testing.T, answer []byte, n int) {
		items, err := parseBulk(answer, n, nil)
		if err != nil {
			return
		}
		if len(items) != n {
			t.Fatalf("%d items for %d documents", len(items), n)
		}
		var want struct {
			Items []map[string]struct {
				Status int             `json:"status"`
				Error  json.RawMessage `json:"error"`
			} `json:"items"`
		}
		if !json.Valid(answer) {
			t.Fatalf("not JSON, but accepted: %q", answer)
		}
		if ambiguous(answer) || json.Unmarshal(answer, &want) != nil {
			return
		}
		for i, it := range want.Items {
			for _, op := range it {
				if op.Status != items[i].status {
					t.Fatalf("item %d has status %d, want %d: %q", i, items[i].status, op.Status, answer)
				}
			}
		}
	})
}

// ambiguous tells whether encoding/json may read something else: it folds the case of
// keys and undoes their escapes.
func ambiguous(answer []byte) bool {
	lower := strings.ToLower(string(answer))
	return lower != string(answer) || strings.Contains(lower, `\u`) || strings.ContainsAny(lower, "ſK")
}

// FuzzParsePage only demands that no input can harm, and that pages that are accepted
// are whole.
func FuzzParsePage(f *testing.F) {
	f.Add([]byte(`{"pit_id":"x","timed_out":false,"_shards":{"total":1,"failed":0},"hits":{"max_score":null,"hits":[{"_index":"a","_id":"1","_version":3,"_routing":"r","_source":{"a":"}\"\\"},"sort":[7]}]}}`))
	f.Add([]byte(`{"hits":{"hits":[{"_id":"\u0031\n","_source":{}}]}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var p page
		if p.parse(answer) != nil {
			return
		}
		for _, d := range p.docs {
			if d.ID == nil {
				t.Fatal("a document without an id")
			}
		}
	})
}

func TestParsePage(t *testing.T) {
	t.Parallel()
	var p page
	answer := `{"pit_id":"p","timed_out":false,"_shards":{"total":1,"failed":0,"failures":[]},"hits":{"hits":[` +
		`{"_id":"a","_version":7,"_score":null,"_source":{"n": 1.10,"s":"}\"{\\"},"sort":[1,2]},` +
		`{"_id":"q\"\u00e4","_routing":"r\n","_source":{},"sort":[3,4]}]}}`
	if err := p.parse([]byte(answer)); err != nil {
		t.Fatal(err)
	}
	a, b := p.docs[0], p.docs[1]
	if string(a.ID) != "a" || a.Version != 7 || string(a.Body) != `{"n": 1.10,"s":"}\"{\\"}` || a.Routing != nil {
		t.Errorf("first document %q %d %q %s", a.ID, a.Version, a.Routing, a.Body)
	}
	if string(b.ID) != `q"ä` || string(b.Routing) != "r\n" || string(b.Body) != `{}` {
		t.Errorf("second document %q %q %s", b.ID, b.Routing, b.Body)
	}
	if string(p.after) != "[3,4]" || string(p.pit) != "p" || p.partly {
		t.Errorf("after %s, pit %s, partly %v", p.after, p.pit, p.partly)
	}
	for _, partly := range []string{`{"timed_out":true,"hits":{"hits":[]}}`, `{"timed_out":false,"_shards":{"failed":1},"hits":{"hits":[]}}`} {
		if err := p.parse([]byte(partly)); err != nil || !p.partly {
			t.Errorf("%s: %v, partly %v", partly, err, p.partly)
		}
	}
	if err := p.parse([]byte(`{"timed_out":false}`)); err == nil {
		t.Error("an answer without hits is accepted")
	}
}

// TestJudge is the table of what each answer about a document means.
func TestJudge(t *testing.T) {
	t.Parallel()
	fault := func(kind string) []byte { return []byte(`{"type":"` + kind + `","reason":"r"}`) }
	for _, test := range []struct {
		status  int
		fault   []byte
		remove  bool
		rule    rule
		outcome sinks.Outcome
	}{
		{200, nil, false, decided, sinks.Written},
		{201, nil, false, decided, sinks.Written},
		{200, nil, true, decided, sinks.Deleted},
		{404, nil, true, decided, sinks.Deleted},
		{404, nil, false, stubborn, sinks.Undecided},
		{200, fault("odd"), false, stubborn, sinks.Undecided},
		{409, fault(conflictType), false, decided, sinks.Superseded},
		{409, fault(conflictType), true, decided, sinks.Superseded},
		{409, fault("other"), false, stubborn, sinks.Undecided},
		{400, fault("document_parsing_exception"), false, decided, sinks.Rejected},
		{500, fault(noObjectType), false, decided, sinks.Rejected},
		{400, nil, false, stubborn, sinks.Undecided},
		{413, fault("too_large"), false, decided, sinks.Rejected},
		{400, fault(closedType), false, fatal, sinks.Undecided},
		{401, fault("security_exception"), false, fatal, sinks.Undecided},
		{403, fault("security_exception"), false, fatal, sinks.Undecided},
		{403, fault(transport.BlockException), false, stubborn, sinks.Undecided},
		{429, fault(transport.BlockException), false, stubborn, sinks.Undecided},
		{404, fault(transport.IndexNotFoundException), false, gone, sinks.Undecided},
		{404, fault(transport.IndexNotFoundException), true, gone, sinks.Undecided},
		{404, fault("shard_not_found_exception"), true, stubborn, sinks.Undecided},
		{429, fault("es_rejected_execution_exception"), false, again, sinks.Undecided},
		{429, nil, false, again, sinks.Undecided},
		{502, nil, false, again, sinks.Undecided},
		{503, fault("unavailable_shards_exception"), false, again, sinks.Undecided},
		{504, nil, true, again, sinks.Undecided},
		{500, fault("node_closed_exception"), false, stubborn, sinks.Undecided},
		{302, nil, false, stubborn, sinks.Undecided},
	} {
		rule, outcome := item{status: test.status, fault: test.fault}.judge(test.remove)
		if rule != test.rule || outcome != test.outcome {
			t.Errorf("%d %s (delete %v): rule %d, outcome %d; want %d, %d", test.status, test.fault, test.remove, rule, outcome, test.rule, test.outcome)
		}
	}
}
