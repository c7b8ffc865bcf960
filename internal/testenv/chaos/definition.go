package chaos

import (
	"encoding/json"
	"fmt"

	"humpty/projector"
	"humpty/sources"
)

type object = map[string]any

// definition is the schema as a configuration has it. It is JSON, which is YAML, too.
func (w *world) definition() ([]byte, error) {
	s := w.schema
	known := object{"shop": object{"postgres": object{"dsn": "${SHOP_DSN}"}}}
	if len(s.topics) > 0 {
		known["bus"] = object{"kafka": object{"brokers": []string{w.Kafka}}}
	}
	projection := object{
		"target": "search", "alias": w.alias, "consistency": "live", "writer": w.mode,
		"index":  object{"settings": object{"number_of_shards": 1 + w.seed%2, "number_of_replicas": 0}, "mappings": object{"dynamic": false}},
		"limits": object{"poison": 1_000_000},
	}
	if w.mode == projector.WriterFollow && w.seed%2 == 0 {
		projection["keep"] = object{"feed_previous": true}
	}
	if s.events != nil {
		projection["document"] = w.events(s.events, "")
	} else {
		projection["document"] = w.rows(s.shape, "", "")
	}
	return json.MarshalIndent(object{
		"version": 1, "sources": known,
		"targets":     object{"search": object{"elasticsearch": object{"addresses": []string{"${ES}"}}}},
		"projections": object{program: projection},
	}, "", " ")
}

// rows is a table and what is in it; way is how it is found.
func (w *world) rows(shape sources.Shape, path, way string) object {
	names := []string{}
	for _, c := range shape.Columns {
		names = append(names, c.Field)
	}
	o := object{"from": "shop." + shape.From, "columns": names}
	if shape.Where != "" {
		o["where"] = shape.Where
	}
	if way != "" {
		o[way], o["on"] = true, on(shape.On)
	}
	if shape.Through != nil {
		o["through"] = object{"from": "shop." + shape.Through.From, "on": on(shape.Through.Parent)}
	}
	if len(shape.OrderBy) > 0 {
		order := []string{}
		for _, by := range shape.OrderBy {
			order = append(order, by.Column)
		}
		o["order_by"] = order
	}
	w.include(o, shape.Include, path)
	return o
}

func (w *world) include(o object, shapes []sources.Shape, path string) {
	all := object{}
	for _, in := range shapes {
		way := "many"
		if in.One {
			way = "one"
		}
		all[in.Name] = w.rows(in, path+in.Name+".", way)
	}
	for _, j := range w.schema.joined[path] {
		all[j.name] = w.joined(j, path)
	}
	if len(all) > 0 {
		o["include"] = all
	}
}

// joined is an include of a topic.
func (w *world) joined(j *joined, path string) object {
	o := w.events(j, path+j.name+".")
	parent := "id"
	if w.schema.events != nil && path == "" {
		parent = "up"
	}
	if !j.byKey {
		o["on"] = object{"up": parent}
	}
	if j.one {
		o["one"] = true
		return o
	}
	o["many"] = true
	if j.desc {
		o["order_by"] = []string{"n desc"}
	}
	return o
}

// events is a topic, how it is folded, and what is in it.
func (w *world) events(j *joined, path string) object {
	o := object{"from": "bus." + w.topicName(j.topic)}
	if j.topic.fold == "handlers" {
		o["type"] = "type"
		from := func(field string) object { return object{"set": field, "from": field} }
		o["handlers"] = object{
			"Set": []object{from("up"), from("n")}, "Touched": []object{from("n")}, "Gone": []object{{"delete": true}},
		}
	} else {
		o["fold"] = j.topic.fold
	}
	w.include(o, j.rows, path)
	return o
}

// topicName is a topic's at the broker.
func (w *world) topicName(t *topic) string { return fmt.Sprint(w.alias, "-", t.name) }

func on(joins []sources.Join) object {
	o := object{}
	for _, j := range joins {
		o[j.Child] = j.Parent
	}
	return o
}
