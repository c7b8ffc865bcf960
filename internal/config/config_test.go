package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v, true
			}
		}
		return "", false
	}
}

func reference(t *testing.T) *Config {
	t.Helper()
	c, err := Load("testdata/reference.yaml", Options{
		Env: environment("SHOP_DSN=postgres://me:hunter2@db/shop?sslmode=verify-full", "ES_PASSWORD=swordfish", "KAFKA_PASSWORD=x", "OS_API_KEY=opensesame"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReferenceIsRead(t *testing.T) {
	t.Parallel()
	c := reference(t)
	if len(c.Sources) != 2 || len(c.Targets) != 5 || len(c.Projections) != 6 || len(c.Warnings) != 0 {
		t.Fatalf("%d sources, %d targets, %d projections, warnings %v", len(c.Sources), len(c.Targets), len(c.Projections), c.Warnings)
	}
	pg := c.Source("shop").Postgres
	if pg.DSN.Reveal() != "postgres://me:hunter2@db/shop?sslmode=verify-full" || pg.MaxConnections != 4 || pg.LockTimeout.Seconds() != 30 || pg.MaxRows != 200_000 || pg.MaxBytes != 50e6 {
		t.Errorf("source: %+v", pg)
	}
	es := c.Target("search")
	if es.Kind != "elasticsearch" || es.Search.Password.Reveal() != "swordfish" || es.Search.CA != "testdata/certs/ca.pem" || len(es.Search.Addresses) != 2 {
		t.Errorf("target: %+v", es)
	}
	if got := c.Target("cloud").Search.Bearer.Reveal(); got != "tok-secret" {
		t.Errorf("bearer from a file: %q", got)
	}
	p, err := c.Projection("orders")
	if err != nil {
		t.Fatal(err)
	}
	if p.Source != "shop" || p.Limits.InFlight != 256e6 || p.Verify.Level != "full" || p.Keep != 2 || p.Versions != "class" {
		t.Errorf("projection: %+v", p)
	}
	if !strings.Contains(string(p.Index), `"dynamic": "strict"`) {
		t.Errorf("index: %s", p.Index)
	}
}

func TestReferenceShape(t *testing.T) {
	t.Parallel()
	c := reference(t)
	p, _ := c.Projection("orders")
	root := p.Document
	if root.From != "public.orders" || root.ID[0] != "o_orderkey" || root.Routing[0] != "o_custkey" || root.Where == "" {
		t.Errorf("root: %+v", root)
	}
	if len(root.Columns) != 2 || root.Columns[0].Expr != "*" || root.Columns[1].Plain || root.Columns[1].Field != "total_with_tax" {
		t.Errorf("columns: %+v", root.Columns)
	}
	var order []string
	for _, i := range root.Include {
		order = append(order, i.Name)
		if !strings.HasPrefix(i.Place, "testdata/reference.yaml:") {
			t.Errorf("place of %s: %q", i.Name, i.Place)
		}
	}
	if got := strings.Join(order, " "); got != "customer lines tags payments" {
		t.Errorf("includes: %s", got)
	}
	lines, tags := root.Include[1], root.Include[2]
	if !lines.Many || lines.On[0].Child != "l_orderkey" || lines.OrderBy[1].Column != "l_shipdate" || !lines.OrderBy[1].Desc {
		t.Errorf("lines: %+v", lines)
	}
	if tags.Values != "name" || tags.Through.From != "order_tag" || tags.Through.Parent[0].Child != "order_id" || tags.On[0].Parent != "tag_id" {
		t.Errorf("tags: %+v %+v", tags, tags.Through)
	}
	nation := root.Include[0].Include[0]
	if !nation.One || !nation.Flatten || nation.Columns[0].Field != "nation_name" || !nation.Columns[0].Plain {
		t.Errorf("nation: %+v", nation)
	}
	r, _ := c.Projection("revenue")
	if r.Source != "shop" || !strings.HasPrefix(r.Document.Query, "SELECT") || string(r.Index) != `{"settings":{"number_of_replicas":1},"mappings":{"properties":{"day":{"type":"date"},"revenue":{"type":"double"}}}}` {
		t.Errorf("revenue: %+v %s", r, r.Index)
	}
}

// The three places that know the keys (grammar, decoder, reference) must agree.
func TestReferenceHasEveryKeyAndDecoderReadsIt(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root, problems := parse("testdata/reference.yaml", data)
	problems = append(problems, expand(root, "testdata", environment("SHOP_DSN=x", "ES_PASSWORD=x", "KAFKA_PASSWORD=x", "OS_API_KEY=x"))...)
	seen := map[string]bool{}
	keysIn(root, grammar(), "", seen)
	c := &checker{problems: problems}
	c.check(root, grammar(), "")
	d := decoder{&input{file: "testdata/reference.yaml", env: environment(), root: root, problems: c.problems}}
	d.config()
	if err := d.problems.Err(); err != nil {
		t.Fatal(err)
	}
	for _, k := range everyKey(grammar(), "", false) {
		if !seen[k] {
			t.Errorf("the reference does not show %s", k)
		}
	}
	for _, k := range everyKey(grammar(), "", true) {
		if name := k[strings.LastIndexByte(k, '.')+1:]; !strings.Contains(string(data), name+":") {
			t.Errorf("the reference does not mention %s, which comes later", k)
		}
	}
	unread(t, root, "")
}

func unread(t *testing.T, n *node, path string) {
	for _, f := range n.fields {
		if !f.value.used {
			t.Errorf("the decoder does not read %s", join(path, f.key))
		}
		unread(t, f.value, join(path, f.key))
	}
}

func keysIn(n *node, r *rule, path string, seen map[string]bool) {
	if r.kind == either {
		for _, some := range r.any {
			if some.fits(n) {
				keysIn(n, some, path, seen)
				return
			}
		}
	}
	for _, f := range n.fields {
		if k := r.key(f.key); k != nil {
			at := strings.ReplaceAll(join(path, f.key), "include.*.include.*", "include.*")
			seen[strings.ReplaceAll(at, "opensearch.", "elasticsearch.")] = true
			keysIn(f.value, k.rule, join(path, f.key), seen)
		} else if r.kind == names {
			keysIn(f.value, r.inner(), join(path, "*"), seen)
		}
	}
}

// everyKey lists the keys of the grammar, one level of includes deep.
func everyKey(r *rule, path string, later bool) []string {
	var all []string
	if r.ref == "includes" && strings.HasSuffix(path, "*.include") {
		return nil
	}
	for _, k := range r.keys {
		at := join(path, k.name)
		switch {
		case (k.later != "") == later && k.later != "":
			all = append(all, at)
			continue
		case k.later != "":
			continue
		case !later:
			// cert, key and the like are the same keys for both products
			if !strings.Contains(at, "opensearch.") {
				all = append(all, at)
			}
		}
		all = append(all, everyKey(k.rule, at, later)...)
	}
	if r.kind == names && r.inner().kind == object {
		all = append(all, everyKey(r.inner(), join(path, "*"), later)...)
	}
	return all
}

func TestSchemaIsValidAndGolden(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("testdata/humpty.schema.json")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/humpty.schema.json", Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
		golden, err = Schema(), nil
	}
	if err != nil || !bytes.Equal(golden, Schema()) {
		t.Errorf("testdata/humpty.schema.json is not what the grammar says (%v): UPDATE=1 go test ./internal/config", err)
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("humpty.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("humpty.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, file string, data []byte) error {
	t.Helper()
	root, problems := parse(file, data)
	if root == nil {
		return problems
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(inline(root)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestSchemaTakesWhatTheParserTakes(t *testing.T) {
	t.Parallel()
	s := schema(t)
	samples, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(samples) == 0 {
		t.Fatal("no samples", err)
	}
	for _, file := range samples {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, file, data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := validate(t, s, "small", []byte(small)); err != nil {
		t.Error(err)
	}
}

func TestSchemaRefusesUnknownKeys(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for _, edit := range [][2]string{
		{"version: 1", "version: one"},
		{"alias: orders", "alia: orders"},
		{"many: true", "many: yes"},
		{"from: shop.orders", "form: shop.orders"},
		{"null: {}", "null: {}, ndjson: {dir: x}"},
	} {
		bad := strings.Replace(small, edit[0], edit[1], 1)
		if err := validate(t, s, "small", []byte(bad)); bad == small || err == nil {
			t.Errorf("the schema takes %q", edit[1])
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	c := reference(t)
	out, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := string(out) + fmt.Sprintf("%v %+v %#v", c, *c, *c) + fmt.Sprintf("%q %x", c.Source("shop").Postgres.DSN, c.Target("search").Search.Password)
	for _, secret := range []string{"hunter2", "swordfish", "opensesame", "tok-secret", "68756e74657232"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is printed", secret)
		}
	}
}

func TestEffectiveSettings(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/reference.yaml", Options{
		Env:       environment("SHOP_DSN=postgres://me:hunter2@db/shop?sslmode=verify-full", "ES_PASSWORD=swordfish", "KAFKA_PASSWORD=x", "OS_API_KEY=opensesame"),
		Overrides: []Override{{"limits.inflight", "64MiB", "--inflight"}, {"verify.level", "count", "HUMPTY_VERIFY"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Setting{}
	for _, s := range c.Settings {
		got[s.Path] = s
	}
	for path, want := range map[string][2]string{
		"sources.shop.postgres.dsn":              {"host=db:5432 dbname=shop user=me", "testdata/reference.yaml:16:12 ${SHOP_DSN}"},
		"targets.search.elasticsearch.password":  {"***", "testdata/reference.yaml:49:17 ${ES_PASSWORD}"},
		"projections.orders.limits.inflight":     {"64MiB", "--inflight"},
		"projections.revenue.verify.level":       {"count", "HUMPTY_VERIFY"},
		"projections.revenue.limits.writers":     {"16", "default"},
		"projections.revenue.keep.feed_previous": {"false", "default"},
	} {
		if s := got[path]; s.Value != want[0] || s.Origin != want[1] {
			t.Errorf("%s = %q from %q, want %q", path, s.Value, s.Origin, want)
		}
	}
	if p, _ := c.Projection("revenue"); p.Limits.InFlight != 64<<20 || p.Verify.Level != "count" {
		t.Errorf("overrides do not reach the projection: %+v", p)
	}
}

func TestBadOverrideNamesItsOrigin(t *testing.T) {
	t.Parallel()
	_, err := read("humpty.yaml", []byte(small), Options{Env: environment(), Overrides: []Override{{"limits.inflight", "lots", "--inflight"}}})
	if err == nil || !strings.Contains(err.Error(), `--inflight: projections.orders.limits.inflight must be a size like 64MB or 1GiB, not "lots"`) {
		t.Errorf("got %v", err)
	}
}

func TestHashFollowsTheDefinitionOnly(t *testing.T) {
	t.Parallel()
	hash := func(edit ...string) string {
		c, err := read("humpty.yaml", []byte(strings.NewReplacer(edit...).Replace(small)), Options{Env: environment()})
		if err != nil {
			t.Fatal(err)
		}
		return c.Projections[0].Hash
	}
	was := hash()
	for _, same := range [][]string{
		{"version: 1", "# a comment moves every line\nversion: 1"},
		{"dsn: dbname=shop", "dsn: host=elsewhere"},
		{"alias: orders", "alias: orders\n    limits: {writers: 9}\n    verify: {level: count}"},
	} {
		if hash(same...) != was {
			t.Errorf("the hash changed with %q", same)
		}
	}
	for _, other := range [][]string{
		{"l_linenumber", "l_other"},
		{"many: true", "one: true", "order_by: [l_linenumber]", "columns: [a]"},
		{"dynamic: false", "dynamic: true"},
		{"dynamic: false", ""},
		{"alias: orders", "alias: others"},
	} {
		if hash(other...) == was {
			t.Errorf("the hash did not change with %q", other)
		}
	}
}
