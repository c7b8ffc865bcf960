package transport

import (
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ header, version, name, fails string }{
		{"Elasticsearch", "8.19.21", "elasticsearch", ""},
		{"", "9.1.0", "elasticsearch", ""}, // behind a proxy that drops the header
		{"", "2.19.0", "opensearch", ""},
		{"", "3.6.0", "opensearch", ""},
		{"Elasticsearch", "7.17.0", "elasticsearch", "too old"},
		{"", "1.3.0", "opensearch", "too old"},
		{"", "x", "", "not understood"},
	} {
		p, err := identify(test.header, test.version)
		if p.Name != test.name || (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%q %s: %q, %v", test.header, test.version, p.Name, err)
		}
	}
	if p, _ := identify("Elasticsearch", "9.2.1"); p.Vectors == "" {
		t.Error("since 9.2 vectors must be asked for")
	}
}
