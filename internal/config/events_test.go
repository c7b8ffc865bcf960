package config

import (
	"strings"
	"testing"

	"humpty/sources"
)

const eventful = `version: 1
sources:
  shop: {postgres: {dsn: dbname=shop}}
  bus: {kafka: {brokers: ["localhost:9092"]}}
  rail: {kafka: {brokers: ["localhost:9092"]}}
targets:
  search: {"null": {}}
projections:
  parcels:
    target: search
    alias: parcels
    document:
      from: bus.parcels
      key: id
      include:
        order: {from: shop.orders, on: {id: order_id}, one: true, columns: [id]}
  orders:
    target: search
    alias: orders
    document:
      from: shop.orders
      columns: [id, total]
      include:
        parcels: {from: bus.parcels, on: {order_id: id}, many: true}
`

func TestEvents(t *testing.T) {
	t.Parallel()
	text := strings.Replace(eventful, "from: bus.parcels\n", "from: [bus.a.b, bus.c]\n      type: header:kind\n      handlers: {Sent: [{set: x, value: 1}]}\n", 1)
	c, err := read("humpty.yaml", []byte(text), Options{Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.Projection("parcels")
	e := p.Events
	if p.Source != "bus" || e == nil || strings.Join(e.Topics, " ") != "a.b c" || e.Fold != "handlers" || e.Type != "header:kind" || string(e.Handlers) != `{"Sent":[{"set":"x","value":1}]}` {
		t.Errorf("%+v", e)
	}
	if len(p.Joined) != 1 || p.Joined[0].Shape == nil || p.Joined[0].Source != "shop" || p.Joined[0].Strict || p.Joined[0].On[0].Parent != "order_id" {
		t.Errorf("%+v", p.Joined)
	}
	o, _ := c.Projection("orders")
	if o.Events != nil || len(o.Joined) != 1 || o.Joined[0].One || !o.Joined[0].Strict || o.Joined[0].Events.Fold != "latest" || len(o.Document.Include) != 0 {
		t.Errorf("%+v", o.Joined)
	}
}

// Whatever makes other documents makes another hash; where it stands and what it costs do not.
func TestHashOfEvents(t *testing.T) {
	t.Parallel()
	hashes := map[string]string{}
	for _, change := range [][2]string{
		{"", ""},
		{"from: bus.parcels\n", "from: bus.others\n"},
		{"key: id", "key: id2"},
		{"key: id", "key: id\n      fold: merge"},
		{"key: id", "key: id\n      since: 2026-01-01T00:00:00Z"},
		{"key: id", "key: id\n      since: {parcels/0: 7}"},
		{"columns: [id]}", "columns: [id, x]}"},
		{"id: order_id", "id: order_id2"},
		{"from: bus.parcels\n", "from: [bus.parcels, bus.others]\n"},
	} {
		c, err := read("humpty.yaml", []byte(strings.Replace(eventful, change[0], change[1], 1)), Options{Env: environment()})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := c.Projection("parcels")
		if other, same := hashes[p.Hash]; same {
			t.Errorf("%q and %q have one hash", change[1], other)
		}
		hashes[p.Hash] = change[1]
	}
	moved := strings.Replace(strings.Replace(eventful, "projections:", "\n\nprojections:", 1), "brokers: [\"localhost:9092\"]", "brokers: [\"localhost:9093\"], memory: 1GB", 1)
	c, err := read("humpty.yaml", []byte(moved), Options{Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := c.Projection("parcels"); hashes[p.Hash] != "" || p.Events == nil {
		t.Errorf("moved, it has another hash")
	}
}

func TestWrongEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, at, what, remedy string }{
		"broker":     {`["localhost:9092"]`, `["http://localhost"]`, "4:27", "is no address of a broker", "HOST:PORT"},
		"sasl":       {`9092"]`, `9092"], sasl: {mechanism: PLAN, username: a, password: b}`, "4:64", "mechanism", "PLAIN"},
		"cert":       {`9092"]`, `9092"], tls: {cert: a}`, "4:52", "cert is there without key", "key"},
		"columns":    {"key: id", "columns: [id]", "14:7", "columns is for tables, and from is a topic", "fold"},
		"query":      {"key: id", "query: SELECT 1", "14:7", "query is for tables, and from is a topic", "what a document of events has is made by fold"},
		"routing":    {"key: id", "routing: [id]", "14:7", "routing is for tables, and from is a topic", "remove it"},
		"id":         {"key: id", "id: [id]", "14:7", "id is for tables, and from is a topic", "remove it"},
		"where":      {"key: id", "where: x > 1", "14:7", "where is for tables, and from is a topic", "remove it"},
		"through it": {"one: true, columns: [id]}", "one: true, through: {from: shop.x, on: {a: id}}}", "16:67", "through is not in this version of humpty for a table in a document of events", "view"},
		"query it":   {"one: true, columns: [id]}", "one: true, query: SELECT 1}", "16:67", "query is not in this version of humpty for a table in a document of events", "view"},
		"flat":       {"many: true}", "many: true, flatten: true}", "24:70", "flatten is for tables, and from is a topic", "remove it"},
		"key":        {"key: id", "key: a..b", "14:12", "empty step", "header:NAME"},
		"since":      {"key: id", "since: yesterday", "14:14", "since is no time", "2026-01-31T00:00:00Z"},
		"offsets":    {"key: id", "since: {parcels: 7}", "14:15", `"parcels" names no partition of a topic`, "parcels/0: 1200"},
		"offset":     {"key: id", "since: {parcels/0: x}", "14:26", "since", "number"},
		"of other":   {"key: id", "since: {parcel/0: 7}", "14:15", "topic parcel is not one that the document is made of", "parcels"},
		"truncated":  {"key: id", "accept_truncated: maybe", "14:25", "accept_truncated must be true or false", "write true or false"},
		"of a table": {"one: true, columns: [id]}", "one: true, accept_truncated: true}", "16:67", "accept_truncated is for topics", "remove it"},
		"topics":     {"bus.parcels\n", "[bus.a, rail.b]\n", "13:21", "rail.b is not of source bus", "one cluster"},
		"twice":      {"bus.parcels\n", "[bus.a, bus.a]\n", "13:21", "topic a is named twice", "once"},
		"nothing":    {"bus.parcels\n", "bus\n", "13:13", "does not name its topic", "bus.TOPIC"},
		"two":        {"key: id", "fold: merge\n      script: x.js", "15:7", "fold and script exclude each other", "one of the two"},
		"script":     {"key: id", "type: t\n      script: none.js", "15:15", "cannot read the script none.js", "relative"},
		"handlers":   {"key: id", "type: t\n      handlers: {A: [{put: x}]}", "15:17", "unknown field", "steps by type"},
		"untyped":    {"key: id", "handlers: {A: [{set: x, value: 1}]}", "13:7", "it is not said where that is", "type: header:NAME"},
		"tables":     {"one: true, columns: [id]}", "one: true, fold: latest}", "16:67", "fold is for topics, and from is a table", "SOURCE.TOPIC"},
		"flatten":    {"one: true, columns: [id]}", "one: true, flatten: true}", "16:67", "flatten is not in this version", "view"},
		"on":         {"on: {order_id: id}", "on: {order_id: number}", "24:43", `the include parcels hangs on "number", which is not a field of its parent`, "add it to the columns"},
		"many":       {"on: {order_id: id}, many", "many", "24:9", "does not say how it finds its parent", "add on:"},
		"through":    {"order_id: id}, many", "order_id: id}, through: {from: shop.x, on: {a: id}}, many", "24:58", "through is for tables", "remove it"},
		"from":       {"from: shop.orders\n", "from: [shop.orders]\n", "21:13", "several are only for topics", "name one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(eventful, c.old) {
				t.Fatal("the file has no such text")
			}
			_, err := read("humpty.yaml", []byte(strings.Replace(eventful, c.old, c.new, 1)), Options{Env: environment()})
			want(t, err, "humpty.yaml:"+c.at, c.what, c.remedy)
		})
	}
	warned, err := read("humpty.yaml", []byte(strings.Replace(eventful, `9092"]`, `9092"], sasl: {mechanism: PLAIN, username: a, password: b}`, 1)), Options{Env: environment()})
	if err != nil || len(warned.Warnings) != 2 {
		t.Errorf("a password in the file, and without TLS: %v %v", warned.Warnings, err)
	}
}

// A script or handlers in files belong to the definition.
func TestFilesOfFolds(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/reference.yaml", Options{Env: environment("SHOP_DSN=x", "ES_PASSWORD=x", "KAFKA_PASSWORD=x", "OS_API_KEY=x")})
	if err != nil {
		t.Fatal(err)
	}
	carts, _ := c.Projection("carts")
	if carts.Events.Fold != "script" || !strings.Contains(carts.Events.Script, "ItemAdded") || carts.Events.File != "carts.js" {
		t.Errorf("%+v", carts.Events)
	}
	orders, _ := c.Projection("orders")
	names := ""
	for _, j := range orders.Joined {
		names += j.Name + " "
	}
	if names != "shipments invoice rating contact " || orders.Joined[0].OrderBy[0] != (sources.Order{Column: "sent_at", Place: orders.Joined[0].OrderBy[0].Place}) || !orders.Joined[2].Events.Debezium {
		t.Errorf("%s %+v", names, orders.Joined)
	}
	if k := c.Source("bus").Kafka; k.TLS.CA != "testdata/certs/ca.pem" || k.SASL.Password.Reveal() != "x" || k.Spill != "testdata/spill" || len(k.Brokers) != 2 {
		t.Errorf("%+v", k)
	}
}

// What is accepted of a topic is said, and makes no other documents.
func TestAcceptTruncated(t *testing.T) {
	t.Parallel()
	hashes := map[bool]string{}
	for _, accepted := range []bool{false, true} {
		text := eventful
		if accepted {
			text = strings.Replace(text, "key: id", "key: id\n      accept_truncated: true", 1)
		}
		c, err := read("humpty.yaml", []byte(text), Options{Env: environment()})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := c.Projection("parcels")
		if hashes[accepted] = p.Hash; p.Events.Truncated != accepted {
			t.Errorf("accepted: %v, not %v", p.Events.Truncated, accepted)
		}
	}
	if hashes[true] != hashes[false] {
		t.Error("it has another hash")
	}
}
