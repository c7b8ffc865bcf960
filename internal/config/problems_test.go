package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"humpty/internal/problem"
)

const small = `version: 1
sources:
  shop:
    postgres:
      dsn: dbname=shop
targets:
  search:
    elasticsearch:
      addresses: ["http://localhost:9200"]
  nowhere: {null: {}}
projections:
  orders:
    target: search
    alias: orders
    index: {mappings: {dynamic: false}}
    document:
      from: shop.orders
      include:
        lines:
          from: shop.lineitem
          on: {l_orderkey: o_orderkey}
          many: true
          order_by: [l_linenumber]
`

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new            string
		place, what, remedy string
	}{
		"unknown key": {"alias: orders", "alias: orders\n    colums: 1", "15:5", `unknown key "colums" in projections.orders`, ""},
		"unknown key, near": {
			"many: true", "mny: true", "22:11", `unknown key "mny" in projections.orders.document.include.lines`, `did you mean "many"?`,
		},
		"unknown key at the top": {"version: 1", "version: 1\nprojection: {}", "2:1", `unknown key "projection"`, `did you mean "projections"?`},
		"wrong type":             {"many: true", "many: yes", "22:17", `projections.orders.document.include.lines.many must be true or false, not "yes"`, "write true"},
		"wrong type, list":       {`addresses: ["http://localhost:9200"]`, `addresses: http://localhost:9200`, "9:18", "targets.search.elasticsearch.addresses must be a list, not text", "put it in brackets: [http://localhost:9200]"},
		"wrong type, mapping":    {"{l_orderkey: o_orderkey}", "l_orderkey", "21:15", "projections.orders.document.include.lines.on must be a mapping, not text", "write a mapping"},
		"wrong type, text":       {"alias: orders", "alias: 2026", "14:12", "projections.orders.alias must be text, not a whole number", `put it in quotes: "2026"`},
		"nothing for a choice":   {"alias: orders", "alias: orders\n    not_finite:", "15:5", "projections.orders.not_finite must be one of reject, null, not nothing", "give it a value"},
		"nothing":                {"alias: orders", "alias:", "14:5", "projections.orders.alias must be text, not nothing", "give it a value, or leave the key out"},
		"empty":                  {"alias: orders", `alias: ""`, "14:12", "projections.orders.alias is empty", "give it a value"},
		"duplicate key":          {"alias: orders", "alias: orders\n    alias: others", "15:5", `the key "alias" is there twice; the first is at humpty.yaml:14:5`, "remove one of the two"},
		"missing key":            {"    alias: orders\n", "", "13:5", `the key "alias" is missing in projections.orders`, "alias: …"},
		"missing index":          {"    index: {mappings: {dynamic: false}}\n", "", "12:3", "the projection orders has no index definition", "add index:"},
		"missing on":             {"          on: {l_orderkey: o_orderkey}\n", "", "19:9", "the include lines does not say how its rows find their parent", "add on: {column of this table: column of the parent}"},
		"missing from":           {"      from: shop.orders\n", "", "17:7", "the document has no root: neither from nor query", "add from: SOURCE.TABLE"},
		"neither one nor many":   {"          many: true\n          order_by: [l_linenumber]\n", "", "19:9", "the include lines is neither one nor many", "add one: true for an object, many: true for an array"},
		"one and many":           {"many: true", "many: true\n          one: true", "22:11", "the include lines is one and many", "one for an object, many for an array"},
		"order_by with one":      {"many: true", "one: true", "23:11", "order_by is only for many, and the include lines is one", "remove it, or write many: true"},
		"flatten with many":      {"many: true", "many: true\n          flatten: true", "23:11", "the include lines is many: its rows cannot become fields of the parent", "flatten works with one: true"},
		"values and columns":     {"many: true", "many: true\n          values: a\n          columns: [a]", "24:11", "values and columns exclude each other", "keep one of the two"},
		"from and query":         {"from: shop.orders", "from: shop.orders\n      query: SELECT 1\n      id: a", "18:7", "from and query exclude each other", "keep one of the two"},
		"query without id":       {"from: shop.orders", "query: SELECT 1", "17:7", "a query has no primary key, so it needs id", "add id:"},
		"query's unknown source": {"from: shop.orders", "query: SELECT 1\n      id: a\n      source: shpo", "19:15", `there is no source "shpo"`, `did you mean "shop"?`},
		"unknown source":         {"shop.lineitem", "shpo.lineitem", "20:17", `there is no source "shpo"`, `did you mean "shop"?`},
		"no source":              {"shop.lineitem", "lineitem", "20:17", `"lineitem" does not name its source`, "write SOURCE.TABLE, for example shop.lineitem"},
		"unknown target":         {"target: search", "target: serch", "13:13", `there is no target "serch"`, `did you mean "search"?`},
		"field twice":            {"from: shop.orders", "from: shop.orders\n      columns: [a, {a: b}]", "18:21", `the field "a" of document is there twice; the first is at humpty.yaml:18:17`, "name one of them differently"},
		"field and include":      {"from: shop.orders", "from: shop.orders\n      columns: [lines]", "20:9", `the field "lines" is a column and an include`, "give the include another name"},
		"unnamed expression":     {"from: shop.orders", "from: shop.orders\n      columns: [\"lower(a)\"]", "18:17", `"lower(a)" in the columns of document is an expression, so it needs a field's name`, `name it: {field: "lower(a)"}`},
		"columns as a word":      {"from: shop.orders", "from: shop.orders\n      columns: all", "18:16", "projections.orders.document.columns must be a mapping or a list, not text", ""},
		"order by expression":    {"[l_linenumber]", `["lower(x)"]`, "23:22", `order_by takes columns, not "lower(x)"`, ""},
		"size":                   {"alias: orders", "alias: orders\n    limits: {inflight: 256 apples}", "15:24", `projections.orders.limits.inflight must be a size like 64MB or 1GiB, not "256 apples"`, "write a size"},
		"duration":               {"alias: orders", "alias: orders\n    verify: {budget: 10}", "15:22", `projections.orders.verify.budget must be a duration like 30s or 10m, not "10"`, "say the unit: 10s or 10m"},
		"too small":              {"alias: orders", "alias: orders\n    limits: {writers: 0}", "15:23", "projections.orders.limits.writers is 0", "1 or more"},
		"batch over inflight":    {"alias: orders", "alias: orders\n    limits: {inflight: 1MB}", "15:13", "a bulk request (limits.batch 4MB) is larger than all that may be in flight (limits.inflight 1MB)", "limits.inflight larger"},
		"choice":                 {"alias: orders", "alias: orders\n    verify: {level: ful}", "15:21", `projections.orders.verify.level must be one of count, sample, full, not "ful"`, `did you mean "full"?`},
		"no kind":                {"nowhere: {null: {}}", "nowhere: {}", "10:12", "targets.nowhere does not say what it is", "one of: elasticsearch, opensearch, null, ndjson"},
		"two kinds":              {"nowhere: {null: {}}", "nowhere: {null: {}, ndjson: {dir: x}}", "10:12", "targets.nowhere is more than one thing", "split it in two"},
		"no addresses":           {`["http://localhost:9200"]`, "[]", "9:18", "targets.search.elasticsearch.addresses is empty", "name at least one"},
		"address":                {"http://localhost:9200", "localhost:9200", "9:19", "this address is not a URL of a node", "write http://HOST:PORT"},
		"address with password":  {"http://localhost:9200", "http://me:pw@localhost:9200", "9:19", "credentials stand in an address", "move them to username and password"},
		"username alone":         {"9200\"]", "9200\"]\n      username: me", "10:7", "username is there without password", "add password: …"},
		"two ways in":            {"9200\"]", "9200\"]\n      bearer: \"${B}\"\n      api_key: \"${B}\"", "10:7", "api_key and bearer exclude each other", "keep one of the two"},
		"cert without key":       {"9200\"]", "9200\"]\n      cert: a.pem", "10:7", "cert is there without key", "add key: …"},
		"newer format":           {"version: 1", "version: 2", "1:10", "version 2 of the file's format is not known", "write version: 1"},
		"alias in upper case":    {"alias: orders", "alias: Orders", "14:12", `the alias "Orders" has upper-case letters: an index cannot be named so`, "write for example orders"},
		"alias with a character": {"alias: orders", "alias: \"or/ders\"", "14:12", `the alias "or/ders" has one of the characters`, "write for example or-ders"},
		"alias with underscore":  {"alias: orders", "alias: _orders", "14:12", `the alias "_orders" begins with -, _ or +`, "write for example orders"},
		"alias with dot":         {"alias: orders", "alias: .orders", "14:12", `the alias ".orders" begins with a dot`, "write for example orders"},
		"alias too long":         {"alias: orders", "alias: " + strings.Repeat("a", 240), "14:12", "is too long", "names are lower case"},
		"shared alias":           {"projections:\n", "projections:\n  copy: {target: search, alias: orders, index: {}, document: {from: shop.orders}}\n", "13:3", `projections copy and orders have the same alias "orders" on the same target`, "give each its own alias"},
		"index has aliases":      {"index: {mappings", "index: {aliases: {x: {}}, mappings", "15:13", "the index definition has aliases, but humpty moves the alias", "leave it out"},
		"index has another key":  {"index: {mappings", "index: {mapings", "15:13", `unknown key "mapings" in the index definition`, `did you mean "mappings"?`},
		"index file missing":     {"index: {mappings: {dynamic: false}}", "index: none.json", "15:12", "cannot read the index definition none.json: no such file or directory", "relative to humpty.yaml"},
		"queries missing":        {"alias: orders", "alias: orders\n    verify: {queries: none.yaml}", "15:23", "cannot read the queries none.yaml: no such file or directory", "relative to humpty.yaml"},
		"variable not set":       {"dsn: dbname=shop", "dsn: ${SHOP_DSN}", "5:12", "the environment variable SHOP_DSN is not set", "export SHOP_DSN=…, or give a default: ${SHOP_DSN:-…}"},
		"variable's file":        {"dsn: dbname=shop", "dsn: ${file:/nowhere/x}", "5:12", "${file:/nowhere/x} cannot be read", "create it, or name another file"},
		"variable's name":        {"dsn: dbname=shop", "dsn: ${a-b}", "5:12", "${a-b} is not a variable", "write ${NAME}"},
		"variable not closed":    {"dsn: dbname=shop", "dsn: ${SHOP", "5:12", "a ${ is not closed", "write ${NAME}"},
		"variable of wrong type": {"dsn: dbname=shop", "dsn: x\n      max_connections: ${MANY}", "6:24", "sources.shop.postgres.max_connections must be a whole number, not text", "write a whole number"},
		"not YAML":               {"version: 1", "version: [1", "2:1", "not valid YAML: ',' or ']' must be specified", ""},
		"variable in braces":     {"nowhere: {null: {}}", "nowhere: {ndjson: ${X}}", "10:2", "not valid YAML", `inside { } a variable needs quotes: "${VAR}"`},
		"tab":                    {"sources:\n  shop", "sources:\n\tshop", "3:1", "not valid YAML: found character '\t' that cannot start any token", "indent with spaces, not tabs"},
		"tag":                    {"alias: orders", "alias: !!str orders", "14:12", "the tag !!str is not understood", "leave it out"},
		"no anchor":              {"alias: orders", "alias: *name", "14:12", `there is no anchor "name"`, "write `&name` before"},
		"second document":        {"version: 1", "a: 1\n---\nversion: 1", "3:", "a second YAML document begins here", "keep one document a file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(small, c.old, c.new, 1)
			if changed == small {
				t.Fatal("nothing was changed")
			}
			_, err := read("humpty.yaml", []byte(changed), Options{Env: environment("B=secret", "MANY=secret")})
			want(t, err, "humpty.yaml:"+c.place, c.what, c.remedy)
			if strings.Contains(err.Error(), "secret\"") {
				t.Errorf("a value is shown: %v", err)
			}
		})
	}
}

// want finds the problem among those of err.
func want(t *testing.T, err error, place, what, remedy string) {
	t.Helper()
	var l problem.List
	if !errors.As(err, &l) {
		t.Fatalf("not a problem.List: %v", err)
	}
	for _, p := range l {
		if strings.HasPrefix(p.Place, place) && strings.Contains(p.What, what) && strings.Contains(p.Remedy, remedy) && !p.Warning {
			return
		}
	}
	t.Errorf("want %s: %s\n    %s\ngot:\n%v", place, what, remedy, err)
}

func TestLive(t *testing.T) {
	t.Parallel()
	const at = "alias: orders\n    "
	for name, c := range map[string]struct{ old, new, place, what, remedy string }{
		"follow a snapshot":  {"alias: orders", at + "writer: follow", "15:13", "writer: follow needs consistency: live", "add consistency: live"},
		"freeze a snapshot":  {"alias: orders", at + "consistency: snapshot\n    writer: freeze", "16:13", "writer: freeze needs consistency: live", "leave writer out"},
		"catch up live":      {"alias: orders", at + "consistency: live\n    catch_up: {updated_at: changed}", "16:15", "catch_up is for consistency: snapshot", "write consistency: snapshot"},
		"follow by a column": {"alias: orders", at + "catch_up: {updated_at: changed}\n    writer: follow", "16:13", "writer: follow needs consistency: live", "leave writer out"},
		"no column is named": {"alias: orders", at + "catch_up: {margin: 1m}", "15:15", "the key \"updated_at\" is missing in projections.orders.catch_up", "updated_at"},
		"feed without it":    {"alias: orders", at + "consistency: live\n    keep: {feed_previous: true}", "16:27", "keep.feed_previous is what humpty follow does, and orders has writer: handover", "write writer: follow"},
		"a second source": {
			"alias: orders", at + "consistency: live", "17:18",
			"consistency: live is for tables of one database, beside topics: orders reads those of shop and other", "take all tables from one database",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(small, c.old, c.new, 1)
			if name == "a second source" {
				changed = strings.Replace(changed, "sources:\n", "sources:\n  bus: {kafka: {brokers: [\"b:9092\"]}}\n  other: {postgres: {dsn: \"postgres://other\"}}\n", 1)
				changed = strings.Replace(changed, "shop.lineitem", "bus.lines\n          include: {x: {from: other.x, on: {id: id}, one: true}}", 1)
			}
			_, err := read("humpty.yaml", []byte(changed), Options{Env: environment()})
			want(t, err, "humpty.yaml:"+c.place, c.what, c.remedy)
		})
	}
	c, err := read("etc/humpty.yaml", []byte(strings.Replace(small, "alias: orders", at+"consistency: live\n    writer: follow\n    keep: {feed_previous: true}", 1)+"\nstate: here\n"), Options{Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Projections[0]; !p.Live || p.Writer != "follow" || p.FeedPrevious != FeedAlways || c.State != filepath.Join("etc", "here") {
		t.Errorf("%+v, state %s", p, c.State)
	}
	for text, want := range map[string]time.Duration{"24h": 24 * time.Hour, "false": 0, "0s": 0, "90s": 90 * time.Second} {
		c, err := read("humpty.yaml", []byte(strings.Replace(small, "alias: orders", at+"consistency: live\n    writer: follow\n    keep: {feed_previous: "+text+"}", 1)), Options{Env: environment()})
		if err != nil || c.Projections[0].FeedPrevious != want {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
	for text, remedy := range map[string]string{"24": "say the unit: 24s or 24m", "1d": "a duration like 30s or 10m", "-1h": "a duration like 30s or 10m", "yes": "write true"} {
		_, err := read("humpty.yaml", []byte(strings.Replace(small, "alias: orders", at+"consistency: live\n    writer: follow\n    keep: {feed_previous: "+text+"}", 1)), Options{Env: environment()})
		want(t, err, "humpty.yaml:17:27", "projections.orders.keep.feed_previous must be", remedy)
	}
}

func TestNotInThisVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, place, what string }{
		"none":      {"alias: orders", "alias: orders\n    version: none", "15:14", "projections.orders.version: none"},
		"elsewhere": {"sources:\n", "sources:\n  other: {postgres: {dsn: x}}\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(small, c.old, c.new, 1)
			if name == "elsewhere" {
				changed = strings.Replace(changed, "shop.lineitem", "other.lineitem", 1)
				_, err := read("humpty.yaml", []byte(changed), Options{Env: environment()})
				want(t, err, "humpty.yaml:21:17", "an include from another source (other) than the root's (shop) is not in this version of humpty", "take it from shop.lineitem")
				return
			}
			_, err := read("humpty.yaml", []byte(changed), Options{Env: environment()})
			want(t, err, "humpty.yaml:"+c.place, c.what+" is not in this version of humpty", "")
			var l problem.List
			if errors.As(err, &l) && len(l) != 1 {
				t.Errorf("one problem each, not %d:\n%v", len(l), err)
			}
			if l[0].Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}

// The version of a row is that of its document only if whatever changes the document raises it.
func TestVersionOfTheRow(t *testing.T) {
	t.Parallel()
	const alone = "alias: orders\n    version: {column: v}"
	for name, c := range map[string]struct{ old, new, what, remedy string }{
		"includes":       {"alias: orders", alone, "version: {column: v} with include", "raised_by_every_change: true}"},
		"not their word": {"alias: orders", "alias: orders\n    version: {column: v, raised_by_every_change: false}", "version: {column: v} with include", "raised_by_every_change: true}"},
		"no column":      {"alias: orders", "alias: orders\n    version: {raised_by_every_change: true}", `the key "column" is missing`, ""},
		"plain":          {"alias: orders", "alias: orders\n    version: column", `must be one of class`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read("humpty.yaml", []byte(strings.Replace(small, c.old, c.new, 1)), Options{Env: environment()})
			want(t, err, "humpty.yaml:15", c.what, c.remedy)
		})
	}
	for name, text := range map[string]string{
		"by the user's word": strings.Replace(small, "alias: orders", "alias: orders\n    version: {column: v, raised_by_every_change: true}", 1),
		"one table":          strings.Replace(small[:strings.Index(small, "      include")], "alias: orders", alone, 1),
	} {
		c, err := read("humpty.yaml", []byte(text), Options{Env: environment()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p := c.Projections[0]; p.Versions != "column" || p.Document.Version != "v" {
			t.Errorf("%s: versions %q, column %q", name, p.Versions, p.Document.Version)
		}
	}
	query := strings.Replace(small[:strings.Index(small, "      include")], "alias: orders", alone, 1)
	query = strings.Replace(query, "from: shop.orders", "source: shop\n      query: SELECT * FROM orders\n      id: [id]", 1)
	_, err := read("humpty.yaml", []byte(query), Options{Env: environment()})
	want(t, err, "humpty.yaml:15:23", "needs a table", "from: SOURCE.TABLE")
	events := strings.Replace(eventful, "alias: parcels", "alias: parcels\n    version: {column: v}", 1)
	_, err = read("humpty.yaml", []byte(events), Options{Env: environment()})
	want(t, err, "humpty.yaml:", "topics or several sources", "version: class")
}

func TestAllProblemsAtOnceInTheOrderOfLines(t *testing.T) {
	t.Parallel()
	changed := strings.NewReplacer(
		"dsn: dbname=shop", "dns: ${NOPE}", "target: search", "target: serch", "alias: orders", "alias: Orders", "shop.orders", "shpo.orders", "many: true", "many: 1",
	).Replace(small)
	_, err := read("humpty.yaml", []byte(changed), Options{Env: environment()})
	var l problem.List
	if !errors.As(err, &l) {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range l {
		lines = append(lines, strings.TrimPrefix(p.Place, "humpty.yaml:"))
	}
	if got := strings.Join(lines, " "); got != "5:7 5:7 5:12 13:13 14:12 17:13 22:17" {
		t.Errorf("problems at %s:\n%v", got, err)
	}
}

func TestIndexFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, place, what string }{
		"not JSON":   {"{\n  \"mappings\": {\n  oops\n}}", ":3:3", "the index definition is not valid: invalid character 'o'"},
		"cut":        {"{\n  \"mappings\": {", ":2:", "it ends too early: a brace or a quote is not closed"},
		"empty":      {"", ":1:", "it is empty"},
		"a list":     {"[]", ":1:", "the index definition is not valid"},
		"two":        {"{} {}", ":1:", "something stands behind the closing brace"},
		"other key":  {"{\n  \"settings\": {},\n  \"maping\": {}\n}", ":3:3", `unknown key "maping" in the index definition`},
		"an aliases": {"{\"aliases\": {}}", ":1:2", "the index definition has aliases"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "humpty.yaml")
			save(t, filepath.Join(dir, "i.json"), c.content)
			save(t, file, strings.Replace(small, "index: {mappings: {dynamic: false}}", "index: i.json", 1))
			_, err := Load(file, Options{Env: environment()})
			want(t, err, filepath.Join(dir, "i.json")+c.place, c.what, "")
		})
	}
}

func TestQueriesFile(t *testing.T) {
	t.Parallel()
	c := reference(t)
	p, _ := c.Projection("orders")
	q := p.Verify.Queries
	if len(q) != 1 || q[0].Name != "big customers" || string(q[0].Body) != `{"query":{"range":{"o_totalprice":{"gte":100000}}}}` ||
		q[0].MinHits != 10 || q[0].MaxHits != 5000 || q[0].MustInclude[0] != "4711" || q[0].MaxLatency.Milliseconds() != 200 {
		t.Errorf("got %+v", q)
	}
	dir := t.TempDir()
	save(t, filepath.Join(dir, "q.yaml"), "a: {body: {}}\nb: {bdy: {}, min_hits: few}\n")
	file := filepath.Join(dir, "humpty.yaml")
	save(t, file, strings.Replace(small, "alias: orders", "alias: orders\n    verify: {queries: q.yaml}", 1))
	_, err := Load(file, Options{Env: environment()})
	want(t, err, filepath.Join(dir, "q.yaml")+":2:5", `unknown key "bdy" in queries.b`, `did you mean "body"?`)
	want(t, err, filepath.Join(dir, "q.yaml")+":2:4", `the key "body" is missing in queries.b`, "body: …")
	want(t, err, filepath.Join(dir, "q.yaml")+":2:24", "queries.b.min_hits must be a whole number", "")
}

func TestFileNotThere(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "humpty.yaml"), Options{})
	var l problem.List
	if !errors.As(err, &l) || !strings.Contains(l[0].What, "no such file") || !strings.Contains(l[0].Remedy, "--config") {
		t.Errorf("got %v", err)
	}
	_, err = read("humpty.yaml", []byte("# nothing\n"), Options{})
	want(t, err, "humpty.yaml", "the file is empty", "humpty help config")
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	changed := strings.NewReplacer("dsn: dbname=shop", "dsn: postgres://me:pw@localhost/shop", `9200"]`, `9200"]`+"\n      api_key: abc").Replace(small)
	c, err := read("humpty.yaml", []byte(changed), Options{Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 2 || c.Warnings[0].Place != "humpty.yaml:5:12" || !strings.Contains(c.Warnings.Error(), "a password stands in the file") ||
		!strings.Contains(c.Warnings.Error(), "a secret stands in the file") || strings.Contains(c.Warnings.Error(), "pw@") {
		t.Errorf("got %v", c.Warnings)
	}
}

// TestUnencrypted: what others on the network can read is a warning, and an error where the
// file wants encryption; what stays on the machine is neither.
func TestUnencrypted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ dsn, address, more, want string }{
		"socket":                {dsn: "host=/run/postgresql dbname=shop"},
		"loopback":              {dsn: "postgres://me@127.0.0.1/shop"},
		"loopback, version 6":   {dsn: "postgres://me@[::1]/shop"},
		"prefer":                {dsn: "postgres://me@db/shop", want: "the connection to db:5432 may be unencrypted"},
		"allow":                 {dsn: "postgres://me@db/shop?sslmode=allow", want: "the connection to db:5432 may be unencrypted"},
		"disable":               {dsn: "host=db sslmode=disable", want: "the connection to db:5432 may be unencrypted"},
		"require":               {dsn: "host=db sslmode=require"},
		"second host":           {dsn: "host=localhost,db dbname=shop", want: "the connection to db:5432 may be unencrypted"},
		"password over http":    {address: "http://search:9200", more: "api_key: ${K}", want: "with http:// the password crosses the network to search:9200 as it is"},
		"no password over http": {address: "http://search:9200"},
		"https":                 {address: "https://search:9200", more: "api_key: ${K}"},
		"http on loopback":      {address: "http://127.0.0.2:9200", more: "api_key: ${K}"},
		"proxy of another host": {address: "http://127.0.0.1:9200", more: "api_key: ${K}\n      proxy: http://squid:3128", want: "with http:// the password crosses the network to squid:3128 as it is"},
		"proxy on loopback":     {address: "http://127.0.0.1:9200", more: "api_key: ${K}\n      proxy: http://127.0.0.1:3128"},
		"https through a proxy": {address: "https://search:9200", more: "api_key: ${K}\n      proxy: http://squid:3128"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := small
			if c.dsn != "" {
				changed = strings.Replace(changed, "dsn: dbname=shop", `dsn: "`+c.dsn+`"`, 1)
			} else {
				changed = strings.Replace(changed, "dsn: dbname=shop", `dsn: "host=/tmp dbname=shop"`, 1)
			}
			if c.address != "" {
				changed = strings.Replace(changed, "http://localhost:9200\"]", c.address+"\"]\n      "+c.more, 1)
			}
			env := environment("K=secret")
			got, err := read("humpty.yaml", []byte(changed), Options{Env: env})
			if err != nil {
				t.Fatal(err)
			}
			if said := got.Warnings.Error(); (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
				t.Errorf("got %q", said)
			}
			_, err = read("humpty.yaml", []byte("require_tls: true\n"+changed), Options{Env: env})
			if name == "no password over http" {
				want(t, err, "humpty.yaml:10:19", "the connection to search:9200 is unencrypted", "write https://; the file has require_tls: true")
				return
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("required: %v", err)
			}
		})
	}
	over := strings.Replace(small, "http://localhost:9200", "https://search.example:9200", 1)
	got, err := read("humpty.yaml", []byte(over), Options{Env: environment("HTTPS_PROXY=http://squid:3128")})
	if err != nil || !strings.Contains(got.Warnings.Error(), "HTTPS_PROXY is set, but only the file says that a proxy is used") {
		t.Errorf("%v %v", got.Warnings, err)
	}
}

// TestNames: a name is a part of paths, commands and metrics.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"..", ".", "-x", "Orders", "a b", "a/b", "$(id)", "ä", "a\\nb", "_x"} {
		changed := strings.Replace(small, "  orders:\n", "  \""+name+"\":\n", 1)
		if changed == small {
			t.Fatal("the small file has no projection orders")
		}
		if _, err := read("humpty.yaml", []byte(changed), Options{Env: environment()}); err == nil || !strings.Contains(err.Error(), "in projections cannot be a name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := read("humpty.yaml", []byte(strings.Replace(small, "  orders:\n", "  0rders_v2.new-1:\n", 1)), Options{Env: environment()}); err != nil {
		t.Error(err)
	}
}

func TestExpansion(t *testing.T) {
	t.Parallel()
	changed := strings.NewReplacer(
		"dsn: dbname=shop", "dsn: ${DB:-dbname=none}\n      max_connections: ${MAX}",
		"from: shop.orders", "from: shop.orders\n      where: \"note = '$${X}' AND tenant = '${T}'\"",
	).Replace(small)
	c, err := read("humpty.yaml", []byte(changed), Options{Env: environment("MAX=7", "T=a: [b")})
	if err != nil {
		t.Fatal(err)
	}
	if pg := c.Sources[0].Postgres; pg.DSN.Reveal() != "dbname=none" || pg.MaxConnections != 7 {
		t.Errorf("got %q, %d", pg.DSN.Reveal(), pg.MaxConnections)
	}
	if got := c.Projections[0].Document.Where; got != "note = '${X}' AND tenant = 'a: [b'" {
		t.Errorf("got %q", got)
	}
}

func TestNullIsAWord(t *testing.T) {
	t.Parallel()
	c, err := read("humpty.yaml", []byte(strings.Replace(small, "alias: orders", "alias: orders\n    not_finite: null", 1)), Options{Env: environment()})
	if err != nil || c.Projections[0].NotFinite != "null" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestAnchorsAndMerge(t *testing.T) {
	t.Parallel()
	changed := strings.NewReplacer("version: 1", "x-limits: &limits {writers: 9, rejections: 3}\nversion: 1",
		"alias: orders", "alias: orders\n    limits:\n      <<: *limits\n      rejections: 5").Replace(small)
	c, err := read("humpty.yaml", []byte(changed), Options{Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Projections[0].Limits; l.Writers != 9 || l.Rejections != 5 {
		t.Errorf("got %+v", l)
	}
}

func TestProjectionByName(t *testing.T) {
	t.Parallel()
	c := reference(t)
	_, err := c.Projection("order")
	want(t, err, "testdata/reference.yaml", `there is no projection "order"`, `did you mean "orders"?`)
	_, err = c.Projection("")
	want(t, err, "testdata/reference.yaml", "there are 6 projections: say which one", "orders, parcels, customers, carts, revenue, suppliers")
	one, err := read("humpty.yaml", []byte(small), Options{Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := one.Projection(""); err != nil || p.Name != "orders" {
		t.Errorf("the only projection: %v %v", p.Name, err)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"0": 0, "4096": 4096, "256MB": 256e6, "64 MiB": 64 << 20, "1.5GB": 1.5e9, "2kb": 2000, "7B": 7} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("%s = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "MB", "1 apple", "-1MB", "1e30GB"} {
		if got, err := parseSize(bad); err == nil {
			t.Errorf("%q = %d", bad, got)
		}
	}
}

func save(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUnencryptedBrokers: so it is with brokers. PLAIN is told of on this machine too, since a broker may name
// others as its peers.
func TestUnencryptedBrokers(t *testing.T) {
	t.Parallel()
	const sasl = ", sasl: {mechanism: %s, username: me, password: \"${K}\"}"
	for name, c := range map[string]struct{ kafka, want, required string }{
		"loopback":             {"brokers: [\"localhost:9092\", \"[::1]:9092\"]", "", ""},
		"remote":               {"brokers: [\"b:9092\"]", "", "the connections to the brokers are unencrypted"},
		"one is remote":        {"brokers: [\"localhost:9092\", \"b:9092\"]", "", "the connections to the brokers are unencrypted"},
		"PLAIN":                {"brokers: [\"b:9092\"]" + fmt.Sprintf(sasl, "PLAIN"), "with PLAIN and without tls the password crosses the network as it is", ""},
		"PLAIN on loopback":    {"brokers: [\"localhost:9092\"]" + fmt.Sprintf(sasl, "PLAIN"), "with PLAIN and without tls the password crosses the network as it is", ""},
		"SCRAM":                {"brokers: [\"b:9092\"]" + fmt.Sprintf(sasl, "SCRAM-SHA-512"), "with SCRAM-SHA-512 and without tls the password can be guessed", ""},
		"SCRAM on loopback":    {"brokers: [\"localhost:9092\"]" + fmt.Sprintf(sasl, "SCRAM-SHA-512"), "", ""},
		"PLAIN and TLS":        {"brokers: [\"b:9092\"], tls: true" + fmt.Sprintf(sasl, "PLAIN"), "", ""},
		"TLS by an authority":  {"brokers: [\"b:9092\"], tls: {ca: ca.pem}" + fmt.Sprintf(sasl, "PLAIN"), "", ""},
		"tls: false and PLAIN": {"brokers: [\"b:9092\"], tls: false" + fmt.Sprintf(sasl, "PLAIN"), "with PLAIN and without tls the password crosses the network as it is", ""},
	} {
		text := strings.Replace(small, "sources:\n", "sources:\n  bus: {kafka: {"+c.kafka+"}}\n", 1)
		text = strings.Replace(text, "dsn: dbname=shop", `dsn: "host=/tmp dbname=shop"`, 1)
		got, err := read("humpty.yaml", []byte(text), Options{Env: environment("K=secret")})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if said := got.Warnings.Error(); (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: got %q", name, said)
		}
		_, err = read("humpty.yaml", []byte("require_tls: true\n"+text), Options{Env: environment("K=secret")})
		if must := cmp.Or(c.want, c.required); (err == nil) != (must == "") || err != nil && !strings.Contains(err.Error(), must) {
			t.Errorf("%s: required: %v", name, err)
		}
	}
}

// A publication that another made must not be called as live runs call their own, which prune drops.
func TestNameOfAPublication(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]string{"for_humpty": "", "humpty": "", "humpty_shop": "`humpty prune` would drop it", strings.Repeat("x", 64): "longer than any name"} {
		c, err := read("humpty.yaml", []byte(strings.Replace(small, "dsn: dbname=shop", "dsn: dbname=shop\n      publication: "+name, 1)), Options{})
		if wrong == "" {
			if err != nil || c.Sources[0].Postgres.Publication != name {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		want(t, err, "humpty.yaml:6:20", wrong, "")
	}
}

// An address of a broker with credentials in it is refused, and they are not shown.
func TestBrokersWithCredentials(t *testing.T) {
	t.Parallel()
	for _, broker := range []string{"me:hunter2@b:9092", "hunter2@b:9092", "SASL_SSL://me:hunter2@b:9092", "kafka://hunter2@b:9092", "b:9092?apikey=hunter2", "b:hunter2"} {
		text := strings.Replace(small, "sources:\n", "sources:\n  bus: {kafka: {brokers: [\""+broker+"\"]}}\n", 1)
		_, err := read("humpty.yaml", []byte(text), Options{Env: environment()})
		want(t, err, "humpty.yaml:3:27", "no address of a broker", "HOST:PORT")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", broker, err)
		}
	}
}
