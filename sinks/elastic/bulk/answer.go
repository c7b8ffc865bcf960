package bulk

import (
	"fmt"

	"humpty/sinks/elastic/jsonbytes"
	"humpty/sinks/elastic/transport"
)

// item is what a bulk answer says about one document.
type item struct {
	status int
	fault  []byte // the error object, a slice of the answer; nil for none
}

// answerParts is what is asked of a bulk answer: all that a verdict needs.
const answerParts = "errors,items.*.status,items.*.error"

// parseAnswer reads a bulk answer to n documents. Each must have its item with a status,
// in the order sent, and nothing may be broken or missing up to the end; otherwise none
// of it counts.
func parseAnswer(answer []byte, n int, items []item) ([]item, error) {
	c := jsonbytes.New(answer)
	items = items[:0]
	seen := false
	ok := c.Members(func(key []byte) bool {
		if string(key) != "items" || seen {
			_, ok := c.Value()
			return ok && string(key) != "items"
		}
		seen = true
		return c.Elements(func() bool {
			if len(items) == n {
				return false
			}
			var one item
			ok := one.parse(c)
			items = append(items, one)
			return ok
		})
	})
	switch {
	case !ok || !c.AtEnd():
		return items[:0], fmt.Errorf("%w: %s", jsonbytes.ErrUnexpected, transport.Clip(answer))
	case len(items) != n:
		return items[:0], fmt.Errorf("%d documents were sent, but the answer is about %d", n, len(items))
	}
	return items, nil
}

// parse consumes {"index":{"status":201,"error":{…}}}.
func (i *item) parse(c *jsonbytes.Cursor) bool {
	operations := 0
	ok := c.Members(func([]byte) bool {
		operations++
		return c.Members(func(key []byte) bool {
			switch string(key) {
			case "status":
				status, ok := c.Number()
				i.status = int(status)
				return ok && i.status >= 100 && i.status < 600
			case "error":
				var ok bool
				i.fault, ok = c.Value()
				return ok
			}
			_, ok := c.Value()
			return ok
		})
	})
	return ok && operations == 1 && i.status != 0
}
