package devstack

import (
	"strings"
	"testing"
)

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"name at least one":         {},
		`unknown server "mysql"`:    {Servers: []Kind{"mysql"}},
		"postgres is named twice":   {Servers: []Kind{KindPostgres, KindKafka, KindPostgres}},
		`has something for "kafka"`: {Servers: []Kind{KindPostgres}, Config: map[Kind][]string{KindKafka: {"a=b"}}},
		`something for "opensearch`: {Servers: []Kind{KindPostgres}, Files: map[Kind]map[string]string{KindOpenSearch: {"a": "b"}}},
	} {
		if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one that says %q", o, err, want)
		}
	}
}

func TestPostgresVersion(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"postgres: command not found":                            0,
	} {
		if got := postgresVersion(out); got != want {
			t.Errorf("postgresVersion(%q) = %d, want %d", out, got, want)
		}
	}
}

func TestReplaceSettings(t *testing.T) {
	t.Parallel()
	own := []string{"a: 1", "xpack.security.enabled: false", "b: 2"}
	got := strings.Join(replaceSettings(own, []string{"xpack.security.enabled : true", "c: 3"}), "|")
	if want := "a: 1|b: 2|xpack.security.enabled : true|c: 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWithoutFilesKeepsOtherOptions(t *testing.T) {
	t.Parallel()
	in := "-XX:+UseG1GC\n9-:-Xlog:gc*:file=logs/gc.log\n-XX:ErrorFile=logs/hs_err.log\n21-:-javaagent:agent/a.jar\n"
	if got, want := withoutFiles(in), "-XX:+UseG1GC\n21-:-javaagent:agent/a.jar\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
