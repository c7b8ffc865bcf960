package lint

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of all that is ours.
const module = "humpty/"

// layer is some packages that stand on others. A package imports what is in its own layer and
// in the layers below it, and nothing else of ours; its tests import what they like.
type layer struct {
	name, about string
	packages    []string // folders; one that ends in /... has those below it, too
	apart       bool     // its packages do not import each other
	on          []string // the layers below it, and with them all that those stand on
	also        []string // layers that it may import besides, without what those stand on
}

// layers are the house, from the cellar up: one stands only on what is above it in this list.
// depguard's rules are written from it: go test ./internal/lint -update
var layers = []layer{
	{name: "files", about: "files of one's own import nothing of ours", packages: []string{"internal/ownfile"}},
	{name: "cellar", about: "the cellar imports nothing of ours but files of one's own", apart: true, on: []string{"files"}, packages: []string{
		"internal/canonjson", "internal/crashpoint", "internal/deadletter", "internal/dsn", "internal/field", "internal/printable", "internal/problem", "internal/rawjson", "internal/statedb", "internal/wait",
	}},
	{name: "switches", about: "only tests switch a rule of the protocol off", packages: []string{"internal/protocol/off"}},
	{name: "protocol", about: "the rules of the protocol are values", packages: []string{"internal/protocol"}, also: []string{"switches"}},
	{name: "sources", about: "sources know nothing of sinks", packages: []string{"sources"}, on: []string{"cellar"}},
	{name: "sinks", about: "sinks know nothing of sources", packages: []string{"sinks"}, on: []string{"cellar"}},
	{name: "source-suite", about: "sources know nothing of sinks", packages: []string{"sources/sourcetest"}, on: []string{"sources"}},
	{name: "sink-suite", about: "sinks know nothing of sources", packages: []string{"sinks/sinktest"}, on: []string{"sinks"}},

	{name: "postgres-values", about: implementation, apart: true, packages: []string{"sources/postgres/pgjson", "sources/postgres/pgoutput"}, on: []string{"cellar"}},
	{name: "postgres-session", about: implementation, packages: []string{"sources/postgres/session"}, on: []string{"sources"}},
	{name: "postgres-query", about: implementation, packages: []string{"sources/postgres/query"}, on: []string{"postgres-values", "postgres-session"}},
	{name: "postgres-read", about: implementation, packages: []string{"sources/postgres/read"}, on: []string{"postgres-query"}},
	{name: "postgres-cdc", about: implementation, packages: []string{"sources/postgres/cdc"}, on: []string{"postgres-query"}},
	{name: "postgres", about: implementation, packages: []string{"sources/postgres"}, on: []string{"postgres-read", "postgres-cdc"}},
	{name: "kafka", about: implementation, packages: []string{"sources/kafka"}, on: []string{"sources"}},
	{name: "elastic-answer", about: implementation, packages: []string{"sinks/elastic/answer"}},
	{name: "elastic-transport", about: implementation, apart: true, packages: []string{"sinks/elastic/transport", "sinks/elastic/jsonbytes"}, on: []string{"sinks", "elastic-answer"}},
	{name: "elastic-schema", about: implementation, apart: true, packages: []string{"sinks/elastic/mapping", "sinks/elastic/spelling"}, on: []string{"sinks"}},
	{name: "elastic-requests", about: implementation, apart: true, packages: []string{"sinks/elastic/bulk", "sinks/elastic/fence", "sinks/elastic/scan"}, on: []string{"elastic-transport"}},
	{name: "elastic", about: implementation, packages: []string{"sinks/elastic"}, on: []string{"elastic-requests", "elastic-schema"}},
	{name: "null", about: implementation, packages: []string{"sinks/null"}, on: []string{"sinks"}},
	{name: "ndjson", about: implementation, packages: []string{"sinks/ndjson"}, on: []string{"sinks"}},

	{name: "reports", about: engine, packages: []string{"projector/ledger", "projector/pace", "projector/report"}, on: []string{"sources", "sinks"}},
	{name: "spill", about: "it holds bytes by their keys, whatever they are", packages: []string{"projector/fold/spill"}, on: []string{"cellar"}},
	{name: "folds", about: engine, packages: []string{"projector/fold"}, on: []string{"sources", "spill"}},
	{name: "decoders", about: engine, apart: true, packages: []string{"projector/fold/decode", "projector/fold/handlers", "projector/fold/script"}, on: []string{"folds"}},
	{name: "joins", about: engine, packages: []string{"projector/join"}, on: []string{"folds"}},
	{name: "outages", about: engine, packages: []string{"projector/outage"}, on: []string{"reports"}},
	{name: "flushes", about: engine, packages: []string{"projector/flush"}, on: []string{"sources"}},
	{name: "leases", about: engine, packages: []string{"projector/lease"}, on: []string{"outages"}},
	{name: "stores", about: engine, packages: []string{"projector/generation", "projector/checkpoint", "projector/write"}, apart: true, on: []string{"leases"}},
	{name: "phases", about: engine, packages: []string{"projector/load", "projector/catchup", "projector/verify"}, apart: true, on: []string{"stores", "flushes", "protocol"}},
	{name: "rebuild", about: engine, packages: []string{"projector"}, on: []string{"phases"}},
	{name: "aftercare", about: engine, apart: true, packages: []string{"projector/repair", "projector/follow"}, on: []string{"rebuild"}},

	{name: "config", about: "the file knows what a projection is, and not how one is rebuilt", packages: []string{"internal/config"}, on: []string{"decoders"}},
	{name: "ui", about: "what a run says is all that is shown of it", packages: []string{"internal/ui"}, on: []string{"reports"}},
	{
		name: "assembly", about: "the command line, the demo and the benchmark stand above", packages: []string{"internal/assemble"},
		on: []string{"aftercare", "joins", "config", "postgres", "kafka", "elastic", "null", "ndjson"},
	},

	{name: "devstack", about: starting, packages: []string{"internal/testenv/devstack", "internal/testenv/devstack/cmd"}},
	{name: "shop", about: starting, packages: []string{"internal/testenv/shop"}, on: []string{"sinks"}},
	{name: "chaos", about: starting, packages: []string{"internal/testenv/chaos"}, on: []string{"aftercare", "postgres", "elastic"}, also: []string{"devstack"}},
	{name: "postgrestest", about: starting, packages: []string{"sources/postgres/pgtest"}, also: []string{"devstack"}},
	{name: "elastictest", about: starting, packages: []string{"sinks/elastic/elastictest", "sinks/elastic/private"}, on: []string{"elastic"}, also: []string{"devstack"}},
	{name: "e2e", about: starting, packages: []string{"internal/e2e/...", "internal/lint"}, on: []string{"rebuild"}, also: []string{"devstack"}},

	{name: "demo", about: "the demo starts servers, and knows no command line", packages: []string{"internal/demo"}, on: []string{"assembly", "ui"}, also: []string{"devstack", "shop"}},
	{name: "console", about: commandLine, packages: []string{"cmd/humpty/internal/console", "cmd/humpty/internal/signals"}, on: []string{"assembly", "ui"}},
	{
		name: "verbs", about: commandLine, on: []string{"console"},
		packages: []string{"cmd/humpty/internal/dlq", "cmd/humpty/internal/lag", "cmd/humpty/internal/render", "cmd/humpty/internal/runs", "cmd/humpty/internal/topics", "cmd/humpty/internal/trial"},
	},
	{name: "rebuilds", about: commandLine, packages: []string{"cmd/humpty/internal/rebuild"}, on: []string{"verbs"}},
	{name: "cmd", about: commandLine, packages: []string{"cmd/humpty"}, on: []string{"rebuilds"}, also: []string{"demo", "devstack"}},
	{name: "bench", about: "the benchmark is no library, and knows no command line", packages: []string{"bench/..."}, on: []string{"assembly"}, also: []string{"devstack", "shop", "chaos"}},
}

// What the layers are for: depguard says it to who breaks them.
const (
	implementation = "an implementation serves any engine, and knows no other one"
	engine         = "the engine knows the contracts, and no product, file format or command line"
	commandLine    = "the command line is no library, and starts no servers but the demo's"
	starting       = "only tests, the demo and the benchmark start servers"
)

var update = flag.Bool("update", false, "write depguard's rules into .golangci.yml")

func TestArrows(t *testing.T) {
	t.Parallel()
	fail(t, arrows(product(everything(t)), layers))
}

func TestDepguardHasTheArrows(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", ".golangci.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now, err := withRules(string(text), layers)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if now != string(text) {
		t.Error("depguard's rules are not those of the layers: go test ./internal/lint -update")
	}
}

// holds reports whether a folder is one of the layer's.
func (l layer) holds(dir string) bool {
	return slices.ContainsFunc(l.packages, func(p string) bool {
		top, below := strings.CutSuffix(p, "/...")
		return dir == top || below && strings.HasPrefix(dir, top+"/")
	})
}

// below are the layers that a layer may import, itself the first unless its packages are apart.
func below(l layer, all []layer) []layer {
	found := []layer{l}
	for i := 0; i < len(found); i++ { // found grows
		for _, b := range all {
			if slices.Contains(found[i].on, b.name) && !slices.ContainsFunc(found, b.is) {
				found = append(found, b)
			}
		}
	}
	for _, b := range all {
		if slices.Contains(l.also, b.name) && !slices.ContainsFunc(found, b.is) {
			found = append(found, b)
		}
	}
	if l.apart {
		return found[1:]
	}
	return found
}

func (l layer) is(other layer) bool { return l.name == other.name }

// arrows wants each package in one layer, and each import to lead down.
func arrows(files []file, all []layer) (broken findings) {
	broken = sound(all)
	dirs := map[string]bool{}
	for _, f := range files {
		dirs[f.dir] = true
	}
	home := map[string]layer{}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		var in []string
		for _, l := range all {
			if l.holds(dir) {
				in = append(in, l.name)
				home[dir] = l
			}
		}
		if len(in) != 1 {
			broken.add("package %s is in %d layers %v, not in one", dir, len(in), in)
		}
	}
	for _, l := range all {
		for _, p := range l.packages {
			alone := layer{packages: []string{p}}
			if !slices.ContainsFunc(slices.Collect(maps.Keys(dirs)), alone.holds) {
				broken.add("there is no package %s, which is in layer %s", p, l.name)
			}
		}
	}
	for _, f := range files {
		for _, imp := range f.syntax.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(path, module)
			if !ours || home[f.dir].name == "" || home[to].name == "" {
				continue // no layer: said above
			}
			if !slices.ContainsFunc(below(home[f.dir], all), home[to].is) {
				broken.add("%s: %s (%s) imports %s (%s): an arrow that does not lead down", f.at(imp.Pos()), f.dir, home[f.dir].name, to, home[to].name)
			}
		}
	}
	return broken
}

// sound wants the layers to stand on what was listed before them.
func sound(all []layer) (broken findings) {
	known := map[string]bool{}
	for _, l := range all {
		for _, b := range slices.Concat(l.on, l.also) {
			if !known[b] {
				broken.add("layer %s stands on %s, which is not listed before it", l.name, b)
			}
		}
		if known[l.name] {
			broken.add("layer %s is listed twice", l.name)
		}
		known[l.name] = true
	}
	return broken
}

// The lines of .golangci.yml between which depguard's rules for the layers stand.
const (
	rulesBegin = "        # layers: begin, written by go test ./internal/lint -update\n"
	rulesEnd   = "        # layers: end\n"
)

// withRules is the linters' configuration with a rule for each layer.
func withRules(text string, all []layer) (string, error) {
	before, rest, begins := strings.Cut(text, rulesBegin)
	_, after, ends := strings.Cut(rest, rulesEnd)
	if !begins || !ends {
		return "", fmt.Errorf("the lines %q and %q are missing", rulesBegin, rulesEnd)
	}
	var rules strings.Builder
	for _, l := range all {
		rules.WriteString(l.rule(all))
	}
	return before + rulesBegin + rules.String() + rulesEnd + after, nil
}

// rule is depguard's rule for the packages of a layer, tests apart. All that is ours is denied
// but what is below: in lax mode the longer entry decides, and one that ends in $ is the
// whole path.
func (l layer) rule(all []layer) string {
	var files []string
	for _, p := range l.packages {
		top, more := strings.CutSuffix(p, "/...")
		files = append(files, strconv.Quote("**/"+top+"/*.go"))
		if more {
			files = append(files, strconv.Quote("**/"+top+"/**/*.go"))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "        %s:\n          list-mode: lax\n          files: [%s, \"!$test\"]\n", l.name, strings.Join(files, ", "))
	if lower := below(l, all); len(lower) > 0 {
		b.WriteString("          allow: [\n")
		for _, other := range lower {
			b.WriteString("            " + strings.Join(other.entries(), ", ") + ",\n")
		}
		b.WriteString("          ]\n")
	}
	fmt.Fprintf(&b, "          deny: [{pkg: %s, desc: %q}]\n", module, l.about)
	return b.String()
}

// entries are the layer's packages as depguard takes them.
func (l layer) entries() (all []string) {
	for _, p := range l.packages {
		top, more := strings.CutSuffix(p, "/...")
		all = append(all, module+top+"$")
		if more {
			all = append(all, module+top+"/")
		}
	}
	return all
}
