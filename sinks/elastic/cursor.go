package elastic

import (
	"bytes"
	"errors"
	"strconv"
)

// cursor reads JSON without decoding it: what is of interest is handed out as slices of
// the answer, all else is skipped. It never reads behind the end and always moves.
type cursor struct {
	data []byte
	at   int
}

var errJSON = errors.New("the answer is not the JSON that was expected")

// peek skips white space and returns the next byte, 0 at the end.
func (c *cursor) peek() byte {
	for c.at < len(c.data) {
		switch b := c.data[c.at]; b {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// take consumes b if it is next.
func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

// literal consumes text if it is next.
func (c *cursor) literal(text string) bool {
	if !bytes.HasPrefix(c.data[c.at:], []byte(text)) {
		return false
	}
	c.at += len(text)
	return true
}

// text consumes a string and returns what is between its quotes, escapes included.
func (c *cursor) text() ([]byte, bool) {
	if !c.take('"') {
		return nil, false
	}
	from := c.at
	for c.at < len(c.data) {
		switch b := c.data[c.at]; {
		case b == '"':
			c.at++
			return c.data[from : c.at-1], true
		case b < ' ':
			return nil, false
		case b == '\\':
			if !c.escape() {
				return nil, false
			}
		default:
			c.at++
		}
	}
	return nil, false
}

func (c *cursor) escape() bool {
	if c.at+1 >= len(c.data) {
		return false
	}
	switch c.data[c.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.at += 2
		return true
	case 'u':
		if c.at+6 > len(c.data) {
			return false
		}
		_, err := strconv.ParseUint(string(c.data[c.at+2:c.at+6]), 16, 16)
		c.at += 6
		return err == nil
	}
	return false
}

// number consumes an integer that fits an int64.
func (c *cursor) number() (int64, bool) {
	c.peek()
	from := c.at
	negative := c.literal("-")
	var n int64
	digits := 0
	for ; c.at < len(c.data) && c.data[c.at] >= '0' && c.data[c.at] <= '9'; c.at++ {
		if digits++; digits > 19 {
			return 0, false
		}
		n = n*10 + int64(c.data[c.at]-'0')
	}
	zero := c.data[from:c.at]
	if digits == 0 || n < 0 || digits > 1 && zero[len(zero)-digits] == '0' {
		return 0, false
	}
	if c.at < len(c.data) && bytes.IndexByte([]byte(".eE"), c.data[c.at]) >= 0 {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}

// members consumes an object, calling each with a key; each consumes the value.
func (c *cursor) members(each func(key []byte) bool) bool {
	if !c.take('{') {
		return false
	}
	if c.take('}') {
		return true
	}
	for {
		key, ok := c.text()
		if !ok || !c.take(':') || !each(key) {
			return false
		}
		if c.take(',') {
			continue
		}
		return c.take('}')
	}
}

// elements consumes an array, calling each to consume an element.
func (c *cursor) elements(each func() bool) bool {
	if !c.take('[') {
		return false
	}
	if c.take(']') {
		return true
	}
	for {
		if !each() {
			return false
		}
		if c.take(',') {
			continue
		}
		return c.take(']')
	}
}
