package elastic

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		strings.Repeat("x", 225): "too long",
		strings.Repeat("x", 224): "",
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

// TestFirstMistake: the first is told of credentials, limits, the alias, addresses.
func TestFirstMistake(t *testing.T) {
	t.Parallel()
	cfg := Config{Alias: "Orders", Load: Loading{MaxSegments: -1}, Credentials: Credentials{Username: "u"}, TLS: TLS{Cert: "c"}}
	for _, mistake := range []struct {
		want string
		mend func()
	}{
		{"only one of username and password", func() { cfg.Credentials.Password = "p" }},
		{"only one of cert and key", func() { cfg.TLS.Cert = "" }},
		{"negative limit", func() { cfg.Load.MaxSegments, cfg.Connections = 0, -1 }},
		{"negative limit", func() { cfg.Connections = 0 }},
		{"cannot be the name of an index", func() { cfg.Alias = "orders" }},
		{"has no addresses", func() {}},
	} {
		if _, err := Dial(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), mistake.want) {
			t.Errorf("%v, want %q", err, mistake.want)
		}
		mistake.mend()
	}
}

// TestNoEnvironment: the address must never come from where nobody looks.
func TestNoEnvironment(t *testing.T) {
	t.Setenv("ELASTICSEARCH_URL", "http://localhost:9200")
	if _, err := Dial(t.Context(), Config{Alias: "a"}); err == nil || !strings.Contains(err.Error(), "has no addresses") {
		t.Errorf("%v, want a refusal", err)
	}
}
