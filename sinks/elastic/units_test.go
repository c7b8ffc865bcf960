package elastic

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"humpty/sinks"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{
		"":                       "must not be empty",
		"Orders":                 "must be lower case: orders",
		"-a":                     "must not begin with",
		"_a":                     "must not begin with",
		"+a":                     "must not begin with",
		".":                      "must not be . or ..",
		"..":                     "must not be . or ..",
		"a b":                    "must not contain a space",
		"a,b":                    "must not contain ,",
		`a"b`:                    `must not contain "`,
		"a#b":                    "must not contain #",
		"a:b":                    "must not contain :",
		"a/b":                    "must not contain /",
		`a\b`:                    `must not contain \`,
		"a*b":                    "must not contain *",
		"a?b":                    "must not contain ?",
		"a<b":                    "must not contain <",
		"a>b":                    "must not contain >",
		"a|b":                    "must not contain |",
		"a\nb":                   "control characters",
		"\xff":                   "UTF-8",
		strings.Repeat("x", 240): "too long",
		strings.Repeat("x", 233): "",
		"orders":                 "",
		"bestellungen-größe_2.1": "",
		"注文":                     "",
	} {
		err := CheckName(name)
		switch {
		case rule == "" && err != nil:
			t.Errorf("%q: %v, want none", name, err)
		case rule != "" && (err == nil || !strings.Contains(err.Error(), rule)):
			t.Errorf("%q: %v, want %q", name, err, rule)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	pem := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(pem, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	one := []string{"http://localhost:9200"}
	for want, cfg := range map[string]Config{
		"has no addresses":                        {Alias: "a"},
		`address "localhost:9200" is not a URL`:   {Alias: "a", Addresses: []string{"localhost:9200"}},
		"carries credentials":                     {Alias: "a", Addresses: []string{"http://me:secret@localhost:9200"}},
		"more than one way to authenticate":       {Alias: "a", Addresses: one, Credentials: Credentials{Username: "u", Password: "p", APIKey: "k"}},
		"only one of username and password":       {Alias: "a", Addresses: one, Credentials: Credentials{Username: "u"}},
		"only one of cert and key":                {Alias: "a", Addresses: one, TLS: TLS{Cert: "c"}},
		"ca: no certificate in " + pem:            {Alias: "a", Addresses: one, TLS: TLS{CA: pem}},
		"ca: open /nowhere: no such file":         {Alias: "a", Addresses: one, TLS: TLS{CA: "/nowhere"}},
		"cert /nowhere and key /nowhere":          {Alias: "a", Addresses: one, TLS: TLS{Cert: "/nowhere", Key: "/nowhere"}},
		`"Orders" cannot be the name of an index`: {Alias: "Orders", Addresses: one},
		"negative limit":                          {Alias: "a", Addresses: one, MaxRequestBytes: -1},
		`address "…@[::1" is not a URL`:           {Alias: "a", Addresses: []string{"http://u:secret@[::1"}},
	} {
		_, err := Dial(t.Context(), cfg)
		var e *Error
		if !errors.As(err, &e) || e.Kind != BadConfig || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one of kind BadConfig with %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in the message: %v", err)
		}
	}
}

// TestNoEnvironment: the address must never come from where nobody looks.
func TestNoEnvironment(t *testing.T) {
	t.Setenv("ELASTICSEARCH_URL", "http://localhost:9200")
	if _, err := Dial(t.Context(), Config{Alias: "a"}); err == nil || !strings.Contains(err.Error(), "has no addresses") {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	during, err := load(map[string]string{"box": "ingest"})
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

func TestCreates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		setting string
		want    bool
	}{
		{"", true}, {"true", true}, {"false", false}, {"-orders,*", false}, {"+ord*,-*", true}, {"logs-*", false}, {"-other,+*", true}, {"-ord*", false}, {"*", true},
	} {
		if got := creates(test.setting, "orders"); got != test.want {
			t.Errorf("action.auto_create_index %q: %v, want %v", test.setting, got, test.want)
		}
	}
}

func TestJudgeDisk(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }
	shares := clusterSettings{Defaults: map[string]json.RawMessage{
		watermarks[0].setting: raw("95%"), watermarks[1].setting: raw("90%"), watermarks[2].setting: raw("0.85"),
		watermarks[0].headroom: raw("100GB"), watermarks[1].headroom: raw("150GB"), watermarks[2].headroom: raw("200GB"),
	}}
	bytes := clusterSettings{Persistent: map[string]json.RawMessage{
		watermarks[0].setting: raw("1gb"), watermarks[1].setting: raw("5gb"), watermarks[2].setting: raw("10gb"),
	}}
	const gb = 1 << 30
	for _, test := range []struct {
		total, free float64
		cluster     clusterSettings
		want        string
	}{
		{100 * gb, 50 * gb, shares, ""},
		{100 * gb, 18 * gb, shares, "close to the low watermark"},
		{100 * gb, 14 * gb, shares, "above the low watermark"},
		{100 * gb, 9 * gb, shares, "above the high watermark"},
		{100 * gb, 4 * gb, shares, "above the flood-stage watermark"},
		{10000 * gb, 900 * gb, shares, ""}, // 9% free, but more than the headroom
		{10000 * gb, 190 * gb, shares, "above the low watermark"},
		{100 * gb, 20 * gb, bytes, ""},
		{100 * gb, 7 * gb, bytes, "above the low watermark"},
		{100 * gb, 2 * gb, clusterSettings{}, ""},
		{0, 0, shares, ""},
	} {
		got := judgeDisk("n", test.total, test.free, test.cluster)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%.0f of %.0f GB free: %q, want %q", test.free/gb, test.total/gb, got, test.want)
		}
	}
}
