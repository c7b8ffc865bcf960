package bulk

import (
	"encoding/json"
	"strings"
	"testing"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

func TestParseAnswer(t *testing.T) {
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
			items, err := parseAnswer([]byte(test.answer), test.n, nil)
			if (err == nil) != test.good {
				t.Errorf("%v, want accepted: %v", err, test.good)
			}
			if err != nil && len(items) != 0 {
				t.Errorf("a broken answer gives %d items", len(items))
			}
		})
	}
}

// FuzzParseAnswer holds the parser against encoding/json: what it accepts is JSON, and says
// the same.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"errors":false,"items":[{"index":{"status":201}},{"delete":{"status":404}}]}`,
		`{"items":[{"index":{"status":400,"error":{"type":"a","reason":"\u00e4\"","caused_by":{"type":"b","reason":null}}}},{"index":{"status":429}}]}`,
		`{"took":-1.5E+3,"items":[{"index":{"_shards":{"total":[1,true,null]},"status":200}},{"create":{"status":409,"error":"x"}}],"x":{}}`,
		`{"items":[{"index":{"status":201}},{"index":{"status":2`, `<html>`, ``,
	} {
		f.Add([]byte(seed), 2)
	}
	f.Fuzz(func(t *testing.T, answer []byte, n int) {
		items, err := parseAnswer(answer, n, nil)
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
		{404, nil, false, retryBounded, sinks.Undecided},
		{200, fault("odd"), false, retryBounded, sinks.Undecided},
		{409, fault(versionConflictException), false, decided, sinks.Superseded},
		{409, fault(versionConflictException), true, decided, sinks.Superseded},
		{409, fault("other"), false, retryBounded, sinks.Undecided},
		{400, fault("document_parsing_exception"), false, decided, sinks.Rejected},
		{500, fault(notXContentException), false, decided, sinks.Rejected},
		{400, nil, false, retryBounded, sinks.Undecided},
		{413, fault("too_large"), false, decided, sinks.Rejected},
		{400, fault(indexClosedException), false, fatal, sinks.Undecided},
		{401, fault("security_exception"), false, fatal, sinks.Undecided},
		{403, fault("security_exception"), false, fatal, sinks.Undecided},
		{403, fault(transport.BlockException), false, retryBounded, sinks.Undecided},
		{429, fault(transport.BlockException), false, retryBounded, sinks.Undecided},
		{404, fault(transport.IndexNotFoundException), false, indexMissing, sinks.Undecided},
		{404, fault(transport.IndexNotFoundException), true, indexMissing, sinks.Undecided},
		{404, fault("shard_not_found_exception"), true, retryBounded, sinks.Undecided},
		{429, fault("es_rejected_execution_exception"), false, retry, sinks.Undecided},
		{429, nil, false, retry, sinks.Undecided},
		{502, nil, false, retry, sinks.Undecided},
		{503, fault("unavailable_shards_exception"), false, retry, sinks.Undecided},
		{504, nil, true, retry, sinks.Undecided},
		{500, fault("node_closed_exception"), false, retryBounded, sinks.Undecided},
		{302, nil, false, retryBounded, sinks.Undecided},
	} {
		rule, outcome := item{status: test.status, fault: test.fault}.judge(test.remove)
		if rule != test.rule || outcome != test.outcome {
			t.Errorf("%d %s (delete %v): rule %d, outcome %d; want %d, %d", test.status, test.fault, test.remove, rule, outcome, test.rule, test.outcome)
		}
	}
}
