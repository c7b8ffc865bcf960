package elastic

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"humpty/sinks"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	during, err := loadSettings(map[string]string{"box": "ingest"})
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		`{"index.number_of_replicas":2,"index.refresh_interval":"30s"}`,
		`{"number_of_replicas":2,"refresh_interval":"30s"}`,
		`{"index":{"number_of_replicas":2,"refresh_interval":"30s"}}`,
		`{"index":{"number_of_replicas":2},"index.refresh_interval":"30s"}`,
	} {
		flat, err := flatten(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		all, journal := flat.overlay(settings{"index.refresh_interval": json.RawMessage(`"9s"`), "index.translog.durability": json.RawMessage(`"request"`)}, during)
		for key, want := range map[string]string{
			"index.number_of_replicas": `2`, "index.refresh_interval": `"30s"`, // the user's
			"index.translog.durability":            `"request"`, // the template's
			"index.gc_deletes":                     `null`,      // the server's
			"index.routing.allocation.require.box": `null`,
		} {
			if string(journal[key]) != want {
				t.Errorf("%s: the journal has %s = %s, want %s", raw, key, journal[key], want)
			}
		}
		if string(all["index.number_of_replicas"]) != `"0"` || string(all["index.refresh_interval"]) != `"-1"` || string(all["index.routing.allocation.require.box"]) != `"ingest"` {
			t.Errorf("%s: the load's settings are not on top: %s", raw, all)
		}
	}
	if _, err := flatten(json.RawMessage(`{"index.codec":"best_compression","codec":"default"}`)); err == nil {
		t.Error("a setting with two values is taken")
	}
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`[]`:                        "not a JSON object",
		`{"mapping":{}}`:            `unknown key "mapping"`,
		`{"settings":[]}`:           "settings must be an object",
		`{"mappings":7}`:            "mappings",
		`{"aliases":{"orders":{}}}`: "while it is still empty",
		`{"settings":{"lifecycle":{"name":"hot"}}}`:                     "lifecycle policy",
		`{"settings":{"plugins.index_state_management.policy_id":"p"}}`: "lifecycle policy",
		``:                                 "",
		`{"mappings":null,"aliases":null}`: "",
		`{"mappings":{"_meta":null}}`:      "",
		`{"aliases":{}}`:                   "",
		`{"mappings":{"_meta":{}}}`:        "",
	} {
		d, err := parseDefinition(json.RawMessage(raw))
		var e *Error
		if want == "" && err == nil {
			_, err = d.body("a-1", sinks.Meta{}, nil, nil)
		}
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", raw, err)
		case want != "" && (!errors.As(err, &e) || e.Kind != Definition || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}
