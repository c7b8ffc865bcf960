package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const mixedConfig = `version: 1
sources:
  shop: {postgres: {dsn: "${SHOP_DSN}"}}
  bus: {kafka: {brokers: ["${BROKER}"], memory: "${MEMORY}"}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
x-index: &index {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {dynamic: false}}
projections:
  accounts:                                 # tables, with what topics fold to
    target: search
    alias: ${ALIAS}
    index: *index
    document:
      from: shop.account
      columns: [id, code, region, no]
      include:
        devices: {from: shop.device, on: {account_id: id}, many: true, columns: [serial], order_by: [serial], include: {
          state: {from: "bus.${STATES}", on: {serial: serial}, one: true}}}
        visits: {from: "bus.${VISITS}", type: type, key: "header:visit", on: {code: code}, many: true, order_by: [n desc], handlers: {
          Began: [{set: code, from: code}, {set: n, from: n}], Ended: [{delete: true}]}}
        seat: {from: "bus.${STATES}", on: {region: region, no: no}, one: true}
        profile: {from: "bus.${PROFILES}", fold: merge, one: true}
  trips:                                    # events, with what tables have
    target: search
    alias: ${ALIAS}-trips
    index: *index
    document:
      from: "bus.${PROFILES}"
      fold: merge
      include:
        buyer: {from: shop.account, on: {id: account}, one: true, columns: [code], include: {
          devices: {from: shop.device, on: {account_id: id}, many: true, columns: [serial], order_by: [serial]}}}
        seats: {from: shop.account, on: {region: place.region, no: place.no}, many: true, values: code, where: "no > 0", order_by: [id]}
        states: {from: "bus.${STATES}", on: {region: place.region}, many: true, order_by: [no]}
`

const mixedTables = `
CREATE TABLE account (id bigint PRIMARY KEY, code uuid NOT NULL, region text NOT NULL, no numeric(6,2) NOT NULL);
CREATE TABLE device (serial text PRIMARY KEY, account_id bigint);
CREATE INDEX ON account (region, no); CREATE INDEX ON device (account_id);`

type object = map[string]any

// world is rows and the events of a random history, and what they fold to.
type world struct {
	accounts []object
	devices  map[string]int            // serial → account
	topics   map[string][]happening    // in order, of each topic
	folded   map[string]map[string]any // by topic and key
}

type happening struct {
	partition   int32
	key, header string
	value       any // nil: a tombstone
}

func codeOf(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

func randomWorld(r *rand.Rand) *world {
	w := &world{devices: map[string]int{}, topics: map[string][]happening{}, folded: map[string]map[string]any{"states": {}, "visits": {}, "profiles": {}}}
	const accounts = 60
	region := func() string { return []string{"north", "a:b", `c\d`, "ü"}[r.IntN(4)] }
	for i := range accounts {
		w.accounts = append(w.accounts, object{"id": i, "code": codeOf(i), "region": region(), "no": i % 7})
	}
	for i := range accounts * 2 {
		w.devices[fmt.Sprint("s", i)] = r.IntN(accounts * 3 / 2)
	}
	put := func(topic, key, header string, value any) {
		w.topics[topic] = append(w.topics[topic], happening{int32(len(key+header) * 7 % 3), key, header, value})
	}
	seats := map[string]bool{}
	for range 400 {
		serial := fmt.Sprint("s", r.IntN(accounts*5/2))
		if r.IntN(8) == 0 {
			put("states", serial, "", nil)
			delete(w.folded["states"], serial)
			continue
		}
		state := object{"serial": serial, "load": r.IntN(1000)}
		if was, _ := w.folded["states"][serial].(object); was["region"] != nil { // a seat has one owner at most
			state["region"], state["no"] = was["region"], was["no"]
		} else if at := region(); !seats[at+serial] {
			no := len(seats)
			state["region"], state["no"] = at, no
			seats[at+serial] = true
		}
		put("states", serial, "", state)
		w.folded["states"][serial] = state
	}
	for range 400 {
		visit, n := fmt.Sprint("v", r.IntN(120)), r.IntN(50)
		if r.IntN(4) == 0 {
			put("visits", "k", visit, object{"type": "Ended"})
			delete(w.folded["visits"], visit)
			continue
		}
		at := codeOf(r.IntN(accounts))
		put("visits", "k", visit, object{"type": "Began", "code": at, "n": n})
		w.folded["visits"][visit] = object{"code": at, "n": n}
	}
	for range 300 {
		id := fmt.Sprint(r.IntN(accounts * 2))
		if r.IntN(10) == 0 {
			put("profiles", id, "", nil)
			delete(w.folded["profiles"], id)
			continue
		}
		was, _ := w.folded["profiles"][id].(object)
		now := maps.Clone(was)
		if now == nil {
			now = object{}
		}
		patch := object{}
		switch r.IntN(4) {
		case 0:
			patch["account"] = r.IntN(accounts * 2)
		case 1:
			patch["account"] = fmt.Sprint(r.IntN(accounts * 2))
		case 2:
			patch["place"] = object{"region": region(), "no": r.IntN(9)}
		default:
			patch["account"] = "not a number"
		}
		maps.Copy(now, patch)
		put("profiles", id, "", patch)
		w.folded["profiles"][id] = now
	}
	return w
}

// text is how keys of any type are compared.
func text(v any) string {
	if v == nil {
		return "\x00nothing"
	}
	return fmt.Sprint(v)
}

// states are those of a topic that pass, in order.
func (w *world) states(topic string, pass func(object) bool, by string, desc bool) []any {
	type keyed struct {
		key   string
		state object
	}
	var all []keyed
	for key, s := range w.folded[topic] {
		if s := s.(object); pass(s) {
			all = append(all, keyed{key, s})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		x, y := a.state[by].(int), b.state[by].(int)
		if desc {
			x, y = y, x
		}
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.key, b.key))
	})
	list := []any{}
	for _, s := range all {
		list = append(list, s.state)
	}
	return list
}

func (w *world) devicesOf(account any, states bool) []any {
	list := []any{}
	for _, serial := range slices.Sorted(maps.Keys(w.devices)) {
		if text(w.devices[serial]) != text(account) {
			continue
		}
		d := object{"serial": serial}
		if states {
			d["state"] = w.folded["states"][serial]
		}
		list = append(list, d)
	}
	return list
}

// oracle is both indexes, made naively.
func (w *world) oracle() (accounts, trips map[string]any) {
	accounts, trips = map[string]any{}, map[string]any{}
	for _, a := range w.accounts {
		doc := maps.Clone(a)
		doc["devices"] = w.devicesOf(a["id"], true)
		doc["visits"] = w.states("visits", func(s object) bool { return s["code"] == a["code"] }, "n", true)
		doc["seat"] = nil
		for _, s := range w.folded["states"] {
			if s := s.(object); s["region"] == a["region"] && text(s["no"]) == text(a["no"]) {
				doc["seat"] = s
			}
		}
		doc["profile"] = w.folded["profiles"][text(a["id"])]
		accounts[text(a["id"])] = doc
	}
	for id, p := range w.folded["profiles"] {
		doc := maps.Clone(p.(object))
		place, _ := doc["place"].(object)
		doc["buyer"] = nil
		codes := []any{}
		for _, a := range w.accounts {
			if p := p.(object); text(p["account"]) == text(a["id"]) {
				doc["buyer"] = object{"code": a["code"], "devices": w.devicesOf(a["id"], false)}
			}
			if place != nil && place["region"] == a["region"] && text(place["no"]) == text(a["no"]) && a["no"].(int) > 0 {
				codes = append(codes, a["code"])
			}
		}
		doc["seats"] = codes
		doc["states"] = w.states("states", func(s object) bool { return place != nil && s["region"] == place["region"] }, "no", false)
		trips[id] = doc
	}
	return accounts, trips
}

// settle writes the world into the servers.
func (s *shop) settle(t *testing.T, b *bus, w *world, names map[string]string) {
	t.Helper()
	var sql strings.Builder
	sql.WriteString(mixedTables)
	for _, a := range w.accounts {
		fmt.Fprintf(&sql, "INSERT INTO account VALUES (%d, '%s', '%s', %d);\n", a["id"], a["code"], a["region"], a["no"])
	}
	for serial, account := range w.devices {
		fmt.Fprintf(&sql, "INSERT INTO device VALUES ('%s', %d);\n", serial, account)
	}
	s.sql(t, sql.String()+"ANALYZE;")
	for topic, events := range w.topics {
		for _, e := range events {
			value := ""
			if e.value != nil {
				data, err := json.Marshal(e.value)
				if err != nil {
					t.Fatal(err)
				}
				value = string(data)
			}
			b.enqueue(names[topic], e.partition, e.key, e.header, value)
		}
	}
	b.flush()
}

// An include from a topic in a document of tables and the other way round, nested, with
// keys of any type, against the oracle.
func TestMixedDocuments(t *testing.T) {
	t.Parallel()
	for seed, memory := range []string{"256MB", "64KiB"} {
		t.Run(memory, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			b := newBus(t)
			names := map[string]string{"states": b.topic(3), "visits": b.topic(3), "profiles": b.topic(3)}
			for topic, name := range names {
				s.env[strings.ToUpper(topic)] = name
			}
			s.env["BROKER"], s.env["MEMORY"] = b.brokers[0], memory
			s.write(t, "humpty.yaml", mixedConfig)
			w := randomWorld(rand.New(rand.NewPCG(7, uint64(seed))))
			s.settle(t, b, w, names)
			accounts, trips := w.oracle()
			for _, p := range []struct {
				name, alias string
				want        map[string]any
			}{{"accounts", s.alias, accounts}, {"trips", s.alias + "-trips", trips}} {
				a := s.run(t.Context(), "rebuild", p.name, "--json")
				a.want(t, 0)
				at := *s
				at.alias = p.alias
				compareWorlds(t, at.documents(t), p.want)
				s.run(t.Context(), "verify", p.name).want(t, 0, "0 missing, 0 stale, 0 extra")
				s.run(t.Context(), "status", p.name, "--json").want(t, 0, names["states"]+"/0")
			}
		})
	}
}

func compareWorlds(t *testing.T, have map[string]string, want map[string]any) {
	t.Helper()
	if len(have) != len(want) {
		t.Errorf("%d documents, not %d", len(have), len(want))
	}
	for id, doc := range want {
		expected, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(expected, &a) != nil || json.Unmarshal([]byte(have[id]), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("document %s is\n%s, not\n%s", id, have[id], expected)
			return
		}
	}
}

// What is wrong with a table that is looked up is told before anything is read.
func TestTableInEventsIsChecked(t *testing.T) {
	t.Parallel()
	s, b, topic := newParcels(t, 1)
	b.put(topic, 0, "a", `{"type":"Packed","order_id":1}`) // then every broker knows the topic
	const mark = "        Lost: [{delete: true}]\n"
	s.edit(t, mark, mark+"      include: {order: {from: shop.orders, on: {idd: order_id}, one: true}}\n")
	s.run(t.Context(), "check").want(t, exitUsage, "humpty.yaml:19:17", `column "idd" does not exist`)
	s.edit(t, "{idd: order_id}", "{customer_id: order_id}")
	s.run(t.Context(), "check").want(t, exitUsage, "include order is a one, but customer_id is not unique")
	s.edit(t, "one: true", "many: true")
	s.run(t.Context(), "check").want(t, 0, "source bus is fine")
	s.edit(t, "from: bus.${TOPIC}", "from: bus.${TOPIC}s")
	for _, verb := range []string{"check", "rebuild"} {
		s.run(t.Context(), verb).want(t, exitUsage, "humpty.yaml:13:13", "topic "+topic+"s does not exist", "correct its name, or make it")
	}
}
