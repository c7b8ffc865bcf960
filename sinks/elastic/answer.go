package elastic

import "fmt"

// item is what a bulk answer says about one document.
type item struct {
	status int
	fault  []byte // the error object, a slice of the answer; nil for none
}

// bulkParts is what is asked of a bulk answer: all that a verdict needs.
const bulkParts = "errors,items.*.status,items.*.error"

// parseBulk reads a bulk answer to n documents. Each must have its item with a status,
// in the order sent, and nothing may be broken or missing up to the end; otherwise none
// of it counts.
func parseBulk(answer []byte, n int, items []item) ([]item, error) {
	c := &cursor{data: answer}
	items = items[:0]
	seen := false
	ok := c.members(func(key []byte) bool {
		if string(key) != "items" || seen {
			_, ok := c.value()
			return ok && string(key) != "items"
		}
		seen = true
		return c.elements(func() bool {
			if len(items) == n {
				return false
			}
			var one item
			ok := c.item(&one)
			items = append(items, one)
			return ok
		})
	})
	switch {
	case !ok || c.peek() != 0 || c.at != len(answer):
		return items[:0], fmt.Errorf("%w: %s", errJSON, clip(answer))
	case len(items) != n:
		return items[:0], fmt.Errorf("%d documents were sent, but the answer is about %d", n, len(items))
	}
	return items, nil
}

// item consumes {"index":{"status":201,"error":{…}}}.
func (c *cursor) item(one *item) bool {
	operations := 0
	ok := c.members(func([]byte) bool {
		operations++
		return c.members(func(key []byte) bool {
			switch string(key) {
			case "status":
				status, ok := c.number()
				one.status = int(status)
				return ok && one.status >= 100 && one.status < 600
			case "error":
				var ok bool
				one.fault, ok = c.value()
				return ok
			}
			_, ok := c.value()
			return ok
		})
	})
	return ok && operations == 1 && one.status != 0
}
