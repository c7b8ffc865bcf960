package scan

import (
	"fmt"

	"humpty/sinks"
	"humpty/sinks/elastic/jsonbytes"
	"humpty/sinks/elastic/transport"
)

// page is one answer of a scan.
type page struct {
	docs    []sinks.Document // slices of the answer, ids with escapes apart
	after   []byte           // where the next page begins; nil: there is none
	pit     []byte           // the id of the point in time from now on
	partial bool             // a shard failed or the search ran out of time
}

// parse reads a search answer. Bodies are the bytes that were stored.
func (p *page) parse(answer []byte) error {
	p.docs, p.after, p.pit, p.partial = p.docs[:0], nil, nil, false
	c := jsonbytes.New(answer)
	hits := false
	ok := c.Members(func(key []byte) bool {
		var ok bool
		switch string(key) {
		case "pit_id":
			p.pit, ok = c.Text()
		case "timed_out":
			if c.Peek(); c.Literal("true") {
				p.partial = true
				return true
			}
			ok = c.Literal("false")
		case "_shards":
			ok = c.Members(func(key []byte) bool {
				if string(key) != "failed" {
					_, ok := c.Value()
					return ok
				}
				n, ok := c.Number()
				p.partial = p.partial || n > 0
				return ok
			})
		case "hits":
			hits = true
			ok = c.Members(func(key []byte) bool {
				if string(key) != "hits" {
					_, ok := c.Value()
					return ok
				}
				return c.Elements(func() bool { return p.hit(c) })
			})
		default:
			_, ok = c.Value()
		}
		return ok
	})
	if !ok || !hits || !c.AtEnd() {
		return fmt.Errorf("%w: %s", jsonbytes.ErrUnexpected, transport.Clip(answer))
	}
	return nil
}

func (p *page) hit(c *jsonbytes.Cursor) bool {
	var d sinks.Document
	ok := c.Members(func(key []byte) bool {
		var ok bool
		switch string(key) {
		case "_id":
			d.ID, ok = c.Unquoted()
		case "_routing":
			d.Routing, ok = c.Unquoted()
		case "_version":
			d.Version, ok = c.Number()
		case "_source":
			d.Body, ok = c.Document()
		case "sort":
			p.after, ok = c.Value()
		default:
			_, ok = c.Value()
		}
		return ok
	})
	p.docs = append(p.docs, d)
	return ok && d.ID != nil
}
