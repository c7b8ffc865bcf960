package events

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// event is one of a history: what is written, and what it means to the oracle.
type event struct {
	topic, partition int // numbers, topics in their order
	offset, time     int64
	key, value       string // no value: a tombstone
	kind             string // empty: poison
	unread           bool   // it cannot be decoded, so it is nowhere in the order
	header           string // the type that it says
	sku              string
	price            int
	text             string
}

// item is an element of a document's items, its members in the order they came.
type item struct {
	sku    string
	price  int
	note   string
	priced bool // the price came before the note
}

func (i item) String() string {
	price, note := fmt.Sprintf(`,"price":%d`, i.price), ""
	if i.note != "" {
		note = fmt.Sprintf(`,"note":%q`, i.note)
	}
	if i.priced {
		return fmt.Sprintf(`{"sku":%q%s%s}`, i.sku, price, note)
	}
	return fmt.Sprintf(`{"sku":%q%s%s}`, i.sku, note, price)
}

// state is a document: its fields are written in the order in which they first came,
// also those that went in between.
type state struct {
	alive bool
	order []string
	texts map[string]string
	items []item
	notes []string
	total int
}

func (s *state) put(field, text string) {
	if !slices.Contains(s.order, field) {
		s.order = append(s.order, field)
	}
	if s.texts == nil {
		s.texts = map[string]string{}
	}
	s.texts[field] = text
}

// apply is the handlers of the configuration, written once more.
func (s *state) apply(e event) {
	if e.value == "" || e.kind == "Gone" {
		*s = state{}
		return
	}
	s.alive = true
	switch e.kind {
	case "Placed":
		if e.text != "" {
			s.put("who", fmt.Sprintf("%q", e.text))
		}
		s.put("status", `"placed"`)
	case "Added":
		at := slices.IndexFunc(s.items, func(i item) bool { return i.sku == e.sku })
		if at < 0 {
			s.items = append(s.items, item{sku: e.sku, price: e.price, note: e.text, priced: true})
		} else {
			s.items[at].price = e.price
			if e.text != "" {
				s.items[at].note = e.text
			}
		}
		s.total += e.price
		var all []string
		for _, i := range s.items {
			all = append(all, i.String())
		}
		s.put("items", "["+strings.Join(all, ",")+"]")
		s.put("total", fmt.Sprint(s.total))
	case "Noted":
		s.notes = append(s.notes, fmt.Sprintf("%q", e.text))
		s.put("notes", "["+strings.Join(s.notes, ",")+"]")
	case "Forgot":
		delete(s.texts, "who")
	}
}

func (s *state) String() string {
	var fields []string
	for _, name := range s.order {
		if text, there := s.texts[name]; there {
			fields = append(fields, fmt.Sprintf("%q:%s", name, text))
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// documents is the serial oracle: each key's events in the stated order, one by one.
func documents(history []event) map[string]string {
	byKey := map[string][]event{}
	newest := map[string]int64{} // an event is no older than those before it in its partition
	for _, e := range history {
		if e.unread {
			continue
		}
		at := fmt.Sprint(e.topic, e.partition, e.key)
		e.time = max(e.time, newest[at])
		newest[at] = e.time
		byKey[e.key] = append(byKey[e.key], e)
	}
	all := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		events := byKey[key]
		slices.SortStableFunc(events, func(a, b event) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
		})
		var s state
		for _, e := range events {
			if e.kind != "" {
				s.apply(e)
			}
		}
		if s.alive {
			all[key] = s.String()
		}
	}
	return all
}
