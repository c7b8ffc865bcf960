package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"humpty/cmd/humpty/internal/console"
)

func verbs() []string {
	return []string{"rebuild", "plan", "check", "status", "swap", "rollback", "prune", "schema", "version"}
}

func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	root := unused().root()
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion" {
			names = append(names, c.Name())
			if c.Short == "" || len(c.Long) < len(c.Short) || !strings.Contains(c.Example, "humpty "+c.Name()) {
				t.Errorf("the help of %s has no text or no example", c.Name())
			}
		}
	}
	for _, v := range verbs() {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+v+" ") {
			t.Errorf("there is no %s", v)
		}
	}
}

func TestHelpTopics(t *testing.T) {
	t.Parallel()
	for topic, text := range map[string]string{
		"exit-codes": "4    refused by a guard", "config": "from: shop.orders", "environment": "HUMPTY_INFLIGHT", "json": "exactly one, always the last line", "rebuild": "--allow-empty",
	} {
		call{}.run(t.Context(), "help", topic).want(t, 0, text)
	}
	call{}.run(t.Context()).want(t, 0, "Available Commands:")
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for args, texts := range map[string][]string{
		"rebuid":                  {`there is no verb "rebuid"`, "did you mean: humpty rebuild"},
		"frobnicate":              {`there is no verb "frobnicate"`, "the verbs: check, completion"},
		"help rebuid":             {`there is no verb "rebuid"`, "did you mean: humpty rebuild"},
		"rebuild --jsn":           {"unknown flag --jsn", "did you mean --json?"},
		"rebuild --dry-runn":      {"unknown flag --dry-runn", "did you mean --dry-run?"},
		"rebuild --xyzzy":         {"unknown flag --xyzzy", "humpty help rebuild"},
		"rebuild -x":              {"unknown shorthand flag", "humpty help rebuild"},
		"rebuild a b":             {"rebuild takes one projection, not 2", "humpty help rebuild"},
		"version now":             {"unknown command", "humpty help"},
		"prune --keep many":       {`invalid argument "many"`, "humpty help prune"},
		"completion tcsh":         {`there is no completion for "tcsh"`, "bash, zsh, fish, powershell"},
		"check --progress-interv": {"unknown flag --progress-interv", "did you mean --progress-interval?"},
	} {
		a := call{}.run(t.Context(), strings.Fields(args)...)
		a.want(t, 64, texts...)
		if a.out != "" {
			t.Errorf("%s: stdout has %q", args, a.out)
		}
		a = call{}.run(t.Context(), append(strings.Fields(args), "--json")...)
		if a.result(t)["status"] != "failed" || a.code != 64 {
			t.Errorf("%s --json: %d %s", args, a.code, a.out)
		}
	}
}

func TestEveryVerbHasOneResultLine(t *testing.T) {
	t.Parallel()
	for _, v := range verbs() {
		a := call{env: map[string]string{"HUMPTY_CONFIG": filepath.Join(t.TempDir(), "none.yaml"), "HUMPTY_JSON": "true"}}.run(t.Context(), v)
		r := a.result(t)
		if r["verb"] != v {
			t.Errorf("%s: the result is of %v", v, r["verb"])
		}
		switch v {
		case "schema", "version":
			if a.code != 0 || r["status"] != "completed" {
				t.Errorf("%s: %d %v", v, a.code, r)
			}
		default:
			failure := r["error"].(map[string]any)
			if a.code != 64 || r["status"] != "failed" || failure["problems"] == nil || len(failure["next"].([]any)) == 0 {
				t.Errorf("%s: %d %v", v, a.code, r)
			}
		}
	}
}

func TestEnvironmentIsBelowFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "humpty.yaml")
	save(t, file, strings.NewReplacer("${ALIAS}", "orders", "${ES}", "http://localhost:9200").Replace(shopConfig)+"    limits: {writers: 7, batch: 2MB}\n")
	save(t, filepath.Join(dir, "orders.index.json"), shopIndex)
	c := call{env: map[string]string{
		"HUMPTY_CONFIG": file, "SHOP_DSN": "postgres://me:hunter2@localhost/shop",
		"HUMPTY_WRITERS": "5", "HUMPTY_INFLIGHT": "64MB", "HUMPTY_PROGRESS_INTERVAL": "3s", "HUMPTY_ALLOW_EMPTY": "true",
	}}
	a := c.run(t.Context(), "check", "--show-effective", "--json", "--inflight", "32MB")
	a.want(t, 0)
	got := map[string]string{}
	for _, s := range a.result(t)["effective"].([]any) {
		m := s.(map[string]any)
		got[m["path"].(string)] = m["value"].(string) + " from " + m["origin"].(string)
	}
	for path, want := range map[string]string{
		"projections.orders.limits.inflight":   "32MB from --inflight",
		"projections.orders.limits.writers":    "5 from HUMPTY_WRITERS",
		"projections.orders.limits.batch":      "2MB from " + file + ":24:33",
		"projections.orders.limits.rejections": "0 from default",
		"sources.shop.postgres.dsn":            "host=localhost:5432 dbname=shop user=me from " + file + ":3:26 ${SHOP_DSN}",
		"--config":                             file + " from HUMPTY_CONFIG",
		"--progress-interval":                  "3s from HUMPTY_PROGRESS_INTERVAL",
	} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
	if strings.Contains(a.out+a.err, "hunter2") {
		t.Error("a password is printed")
	}
	c.run(t.Context(), "check", "--show-effective").want(t, 0, "limits.inflight", "64MB   # HUMPTY_INFLIGHT")
	c.env["HUMPTY_WRITERS"] = "many"
	c.run(t.Context(), "check").want(t, 64, `HUMPTY_WRITERS: projections.orders.limits.writers must be a whole number, not "many"`)
	c.env["HUMPTY_PROGRESS_INTERVAL"] = "soon"
	c.run(t.Context(), "check").want(t, 64, "the environment variable HUMPTY_PROGRESS_INTERVAL cannot be used for --progress-interval", "correct or unset HUMPTY_PROGRESS_INTERVAL")
}

func TestConfigurationErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "humpty.yaml")
	save(t, file, `version: 1
sources:
  shop: {postgres: {dsn: "postgres://me:hunter2@localhost/shop", lock_timout: 1s}}
targets:
  search: {elasticsearch: {addresses: ["http://localhost:9200"], password: swordfish}}
projections:
  orders:
    target: search
    alias: Orders
    index: {}
    document: {form: shop.orders}
`)
	a := call{}.run(t.Context(), "check", "--config", file)
	a.want(
		t, 64,
		file+`:3:66: unknown key "lock_timout" in sources.shop.postgres`, `did you mean "lock_timeout"?`,
		file+`:5:66: password is there without username`,
		file+`:9:12: the alias "Orders" has upper-case letters`, "9 |     alias: Orders\n", "^",
		file+`:11:16: unknown key "form" in projections.orders.document`, `did you mean "from"?`,
		"correct this, then: humpty --config "+file+" check",
	)
	for _, secret := range []string{"hunter2", "swordfish"} {
		if strings.Contains(a.out+a.err, secret) {
			t.Errorf("%s is printed", secret)
		}
	}
	problems := call{}.run(t.Context(), "check", "--config", file, "--json").result(t)["error"].(map[string]any)["problems"].([]any)
	if len(problems) != 5 {
		t.Errorf("%d problems: %v", len(problems), problems)
	}
}

func TestColourOnlyOnATerminal(t *testing.T) {
	t.Parallel()
	const escape = "\x1b["
	for name, c := range map[string]struct {
		call call
		args []string
		want bool
	}{
		"terminal":   {call{terminal: true}, nil, true},
		"pipe":       {call{}, nil, false},
		"NO_COLOR":   {call{terminal: true, env: map[string]string{"NO_COLOR": ""}}, nil, false},
		"dumb":       {call{terminal: true, env: map[string]string{"TERM": "dumb"}}, nil, false},
		"--no-color": {call{terminal: true}, []string{"--no-color"}, false},
	} {
		a := c.call.run(t.Context(), append([]string{"check", "--config", "none.yaml"}, c.args...)...)
		if strings.Contains(a.err, escape) != c.want || !strings.Contains(a.err, "none.yaml") {
			t.Errorf("%s: %q", name, a.err)
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "humpty.yaml")
	save(t, file, "projections:\n  orders: {}\n  revenue: {}\n")
	call{}.run(t.Context(), "__complete", "rebuild", "--config", file, "").want(t, 0, "orders\nrevenue\n:4")
	call{env: map[string]string{"HUMPTY_CONFIG": file}}.run(t.Context(), "__complete", "swap", "").want(t, 0, "orders\nrevenue\n")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		call{}.run(t.Context(), "completion", shell).want(t, 0, "humpty")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestUnwrittenResultIsAFailure(t *testing.T) {
	t.Parallel()
	var errs buffer
	a := newApp(&console.Console{Out: console.NewSink(full{}), Err: &errs, Env: func(string) (string, bool) { return "", false }}, nil, os.Exit)
	if code := a.run(t.Context(), []string{"schema"}); code != 1 || !strings.Contains(errs.String(), "cannot write the result: no space left on device") {
		t.Errorf("%d %s", code, errs.String())
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	call{}.run(t.Context(), "version").want(t, 0, "humpty ", "go1.", "configuration version 1")
	call{}.run(t.Context(), "--version").want(t, 0, "humpty ", "go1.")
	v := call{}.run(t.Context(), "version", "--json").result(t)["version"].(map[string]any)
	if v["version"] == "" || v["config_version"] != 1.0 {
		t.Errorf("%v", v)
	}
}

func TestSchemaIsTheSameBothWays(t *testing.T) {
	t.Parallel()
	var plain any
	if err := json.Unmarshal([]byte(call{}.run(t.Context(), "schema").out), &plain); err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(plain)
	got, _ := json.Marshal(call{}.run(t.Context(), "schema", "--json").result(t)["config_schema"])
	if string(got) != string(want) {
		t.Error("schema and schema --json differ")
	}
}

func save(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBrakesOfTheCommandLine: the flag stands above the file, and what is not a limit is refused.
func TestBrakesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, "    index: orders.index.json\n", "    index: orders.index.json\n    limits: {max_bulk_mb_s: 7, brake: {search_p95: 250ms}}\n    load: {max_segments: 1}\n")
	s.run(t.Context(), "check", "--show-effective").want(t, 0, "limits.max_bulk_mb_s", "7", "limits.brake.search_p95", "250ms", "load.max_segments")
	s.run(t.Context(), "rebuild", "--max-bulk-mb-s", "lots").want(t, exitUsage, "--max-bulk-mb-s")
	s.run(t.Context(), "rebuild", "--max-bulk-mb-s", "1").want(t, 0, "300 written")
	if _, segments := s.request(t, t.Context(), http.MethodGet, "/_cat/segments/"+s.alias+"?h=segment", ""); len(strings.Fields(segments)) != 1 {
		t.Errorf("segments %s", segments)
	}
}
