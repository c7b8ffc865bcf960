package elastic

import (
	"encoding/json"
	"fmt"

	"humpty/sinks"
)

// page is one answer of a scan.
type page struct {
	docs   []sinks.Document // slices of the answer, ids with escapes apart
	after  []byte           // where the next page begins; nil: there is none
	pit    []byte           // the id of the point in time from now on
	partly bool             // a shard failed or the search ran out of time
}

// parsePage reads a search answer. Bodies are the bytes that were stored.
func (p *page) parse(answer []byte) error {
	p.docs, p.after, p.pit, p.partly = p.docs[:0], nil, nil, false
	c := &cursor{data: answer}
	hits := false
	ok := c.members(func(key []byte) bool {
		var ok bool
		switch string(key) {
		case "pit_id":
			p.pit, ok = c.text()
		case "timed_out":
			if c.peek(); c.literal("true") {
				p.partly = true
				return true
			}
			ok = c.literal("false")
		case "_shards":
			ok = c.members(func(key []byte) bool {
				if string(key) != "failed" {
					_, ok := c.value()
					return ok
				}
				n, ok := c.number()
				p.partly = p.partly || n > 0
				return ok
			})
		case "hits":
			hits = true
			ok = c.members(func(key []byte) bool {
				if string(key) != "hits" {
					_, ok := c.value()
					return ok
				}
				return c.elements(func() bool { return p.hit(c) })
			})
		default:
			_, ok = c.value()
		}
		return ok
	})
	if !ok || !hits || c.peek() != 0 || c.at != len(answer) {
		return fmt.Errorf("%w: %s", errJSON, clip(answer))
	}
	return nil
}

func (p *page) hit(c *cursor) bool {
	var d sinks.Document
	ok := c.members(func(key []byte) bool {
		var ok bool
		switch string(key) {
		case "_id":
			d.ID, ok = c.plain()
		case "_routing":
			d.Routing, ok = c.plain()
		case "_version":
			d.Version, ok = c.number()
		case "_source":
			d.Body, ok = c.document()
		case "sort":
			p.after, ok = c.value()
		default:
			_, ok = c.value()
		}
		return ok
	})
	p.docs = append(p.docs, d)
	return ok && d.ID != nil
}

// plain consumes a string and undoes its escapes.
func (c *cursor) plain() ([]byte, bool) {
	from := c.at
	text, ok := c.text()
	if !ok {
		return nil, false
	}
	for _, b := range text {
		if b == '\\' {
			var s string
			if json.Unmarshal(c.data[from:c.at], &s) != nil {
				return nil, false
			}
			return []byte(s), true
		}
	}
	return text, true
}
