package chaos

import (
	"encoding/json"

	"humpty/projector"
	"humpty/sources"
)

type object = map[string]any

// configuration is a schema as humpty.yaml has it.
type configuration struct {
	schema        *schema
	mode          projector.Writer
	seed          uint64
	alias, broker string
}

// text is JSON, which is YAML, too.
func (c configuration) text() ([]byte, error) {
	s := c.schema
	known := object{"shop": object{"postgres": object{"dsn": "${SHOP_DSN}"}}}
	if len(s.topics) > 0 {
		known["bus"] = object{"kafka": object{"brokers": []string{c.broker}}}
	}
	projection := object{
		"target": "search", "alias": c.alias,
		"index":  object{"settings": object{"number_of_shards": 1 + c.seed%2, "number_of_replicas": 0}, "mappings": object{"dynamic": false}},
		"limits": object{"poison": 1_000_000, "shrink": "100%"}, // tables are truncated
	}
	if c.mode != Snapshot {
		projection["consistency"], projection["writer"] = "live", c.mode
	}
	if c.mode == projector.WriterFollow && c.seed%2 == 0 {
		projection["keep"] = object{"feed_previous": true}
	}
	if s.events != nil {
		projection["document"] = c.events(s.events, "")
	} else {
		projection["document"] = c.rows(s.shape, "", "")
	}
	return json.MarshalIndent(object{
		"version": 1, "sources": known,
		"targets":     object{"search": object{"elasticsearch": object{"addresses": []string{"${ES}"}}}},
		"projections": object{program: projection},
	}, "", " ")
}

// rows is a table and what is in it; way is how it is found.
func (c configuration) rows(shape sources.Shape, path, way string) object {
	names := []string{}
	for _, column := range shape.Columns {
		names = append(names, column.Field)
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
	c.include(o, shape.Include, path)
	return o
}

func (c configuration) include(o object, shapes []sources.Shape, path string) {
	all := object{}
	for _, in := range shapes {
		way := "many"
		if in.One {
			way = "one"
		}
		all[in.Name] = c.rows(in, path+in.Name+".", way)
	}
	for _, j := range c.schema.joined[path] {
		all[j.name] = c.joined(j, path)
	}
	if len(all) > 0 {
		o["include"] = all
	}
}

// joined is an include of a topic.
func (c configuration) joined(j *topicInclude, path string) object {
	o := c.events(j, path+j.name+".")
	parent := "id"
	if c.schema.events != nil && path == "" {
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
func (c configuration) events(j *topicInclude, path string) object {
	o := object{"from": "bus." + j.topic.brokerName(c.alias)}
	if j.topic.fold == "handlers" {
		o["type"] = "type"
		from := func(field string) object { return object{"set": field, "from": field} }
		o["handlers"] = object{
			"Set": []object{from("up"), from("n")}, "Touched": []object{from("n")}, "Gone": []object{{"delete": true}},
		}
	} else {
		o["fold"] = j.topic.fold
	}
	c.include(o, j.rows, path)
	return o
}

func on(joins []sources.Join) object {
	o := object{}
	for _, j := range joins {
		o[j.Child] = j.Parent
	}
	return o
}
