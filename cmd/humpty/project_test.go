package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	events := file("events.ndjson", `{"type":"Placed","order":7,"who":"Ann"}
{"type":"Added","order":7,"item":{"sku":"a","price":1.10}}

{"type":"Placed","order":8,"who":"Bob"}
{"type":"Added","order":7,"item":{"sku":"b","price":2}}
`)
	handlers := file("orders.json", `{"Placed": [{"set": "who", "from": "who"}],
		"Added": [{"append": "items", "from": "item"}, {"increment": "total", "from": "item.price"}]}`)
	module := file("orders.js", `module.exports = {
		Placed: (s, e) => { s.who = e.who },
		Added: (s, e) => { (s.items ??= []).push(e.item); s.total = (s.total || 0) + e.item.price },
	}`)
	const first, second = `{"id":"7","document":{"who":"Ann","items":[{"sku":"a","price":1.10},{"sku":"b","price":2}],"total":`, `{"id":"8","document":{"who":"Bob"}}` + "\n"
	by := []string{"project", "--from", events, "--key", "order", "--type", "type"}
	got := call{}.run(t.Context(), append(by, "--fold", handlers)...)
	if got.code != 0 || got.out != first+"3.10}}\n"+second {
		t.Errorf("handlers: %d\n%s%s", got.code, got.out, got.err)
	}
	got = call{}.run(t.Context(), append(by, "--fold", module)...)
	if got.code != 0 || got.out != first+"3.1}}\n"+second {
		t.Errorf("module: %d\n%s%s", got.code, got.out, got.err)
	}

	expect := file("expect.ndjson", `{"id": "7", "document": {"total": 3.1, "who": "Ann", "items": [{"sku": "a", "price": 1.1}, {"sku": "b", "price": 2}]}}`+"\n"+second)
	if got = (call{}).run(t.Context(), append(by, "--fold", module, "--expect", expect)...); got.code != 0 {
		t.Errorf("as expected: %d\n%s%s", got.code, got.out, got.err)
	}
	expect = file("expect.ndjson", `{"id":"8","document":{"who":"Bobby"}}`+"\n"+`{"id":"9","document":{}}`)
	call{}.run(t.Context(), append(by, "--fold", module, "--expect", expect)...).
		want(t, exitDiffers, "differs: 7", "differs: 8", "  who: want", "differs: 9", "3 documents are not as expected")

	poison := file("poison.ndjson", `{"key":"a","value":{"x":1},"headers":{"h":"v"},"time":5}`+"\n"+`{"key":"a","value":[1]}`+"\n"+`{"value":{}}`)
	call{}.run(t.Context(), "project", "--from", poison).
		want(t, exitRejections, `{"id":"a","document":{"x":1}}`, "poison.ndjson:2: the value is not a JSON object", "poison.ndjson:3: there is no key", "2 of 3 events")
	stdin := call{in: strings.NewReader(`{"key":{"id":1},"value":{"op":"c","after":{"id":1}}}` + "\n" + `{"key":{"id":2},"value":null}`)}
	stdin.run(t.Context(), "project", "--from", "-", "--decoder", "debezium").want(t, 0, `{"id":"1","document":{"id":1}}`)

	lost := file("lost.js", `module.exports = {Placed: s => { s.text = 'x'.repeat(17 << 20) }, Added: s => {}}`)
	call{}.run(t.Context(), append(by, "--fold", lost)...).want(t, exitRejections, `"reject":"lost.js: the state has more than 16777216 bytes"`, "2 documents were rejected")
	slow := file("slow.js", `module.exports = {Placed: (s, e) => { s.ok = /^(a+)+$(?=x)?/.test('a'.repeat(50) + e.who) }, Added: s => { s.m = new Map() }}`)
	call{}.run(t.Context(), append(by, "--fold", slow)...).want(t, exitRejections,
		"events.ndjson:1: stopped: it takes more than 1s of processor time", "events.ndjson:2: slow.js: the state.m is a Map", "4 of 4 events")
	later := file("later.js", "module.exports = {\n\tPlaced: async (s, e) => { s.who = e.who },\n}")
	call{}.run(t.Context(), append(by, "--fold", later)...).want(t, exitUsage, "later.js:2:10: the handler Placed is async")

	docs := call{}.run(t.Context(), append(by, "--fold", handlers, "--json")...).result(t)["documents"].([]any)
	if len(docs) != 2 {
		t.Errorf("%v", docs)
	}
	for args, want := range map[string]string{
		"": "--from", "--from " + events + " --fold magic": "unknown fold", "--from " + events + " --decoder avro": "unknown decoder",
		"--from " + events + " --key a..b": "--key", "--from " + events + " --fold " + poison[:len(poison)-len("poison.ndjson")] + "none.js": "none.js",
	} {
		call{}.run(t.Context(), append([]string{"project"}, strings.Fields(args)...)...).want(t, exitUsage, want)
	}
}

// The fold of a projection, as the configuration says, without its servers.
func TestProjectOfAProjection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := call{env: map[string]string{"HUMPTY_CONFIG": file("humpty.yaml", `version: 1
sources: {shop: {postgres: {dsn: dbname=nowhere}}, bus: {kafka: {brokers: ["localhost:1"]}}}
targets: {nowhere: {"null": {}}}
projections:
  parcels: {target: nowhere, alias: parcels, document: {from: bus.parcels, type: type, key: id, handlers: {Moved: [{append: stops, from: stop}]}}}
  orders: {target: nowhere, alias: orders, document: {from: shop.orders, include: {parcel: {from: bus.parcels, key: id, fold: merge, one: true}}}}
  plain: {target: nowhere, alias: plain, document: {from: shop.orders}}
`)}}
	events := file("events.ndjson", `{"type":"Moved","id":7,"stop":"Rome"}`+"\n"+`{"type":"Moved","id":7,"stop":"Ulm"}`)
	const folded, merged = `{"id":"7","document":{"stops":["Rome","Ulm"]}}` + "\n", `{"id":"7","document":{"type":"Moved","id":7,"stop":"Ulm"}}` + "\n"
	c.run(t.Context(), "project", "parcels", "--from", events, "--expect", file("expect.ndjson", folded)).want(t, 0, folded)
	c.run(t.Context(), "project", "parcels", "--from", events, "--expect", file("other.ndjson", merged)).want(t, exitDiffers, "differs: 7")
	c.run(t.Context(), "project", "orders", "--include", "parcel", "--from", events).want(t, 0, merged)
	for args, want := range map[string]string{
		"orders": "is made of tables", "orders --include lines": "has no include lines from a topic", "plain": "none of its includes", "parcels --fold merge": "--fold says how to fold", "--include parcel": "none is named", "parcel": "there is no projection",
	} {
		c.run(t.Context(), append([]string{"project", "--from", events}, strings.Fields(args)...)...).want(t, exitUsage, want)
	}
}
