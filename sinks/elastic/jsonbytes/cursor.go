package jsonbytes

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// Cursor reads JSON without decoding it: what is of interest is handed out as slices of
// the answer, all else is skipped. It never reads behind the end and always moves.
type Cursor struct {
	data []byte
	at   int
}

// New reads an answer from its beginning.
func New(answer []byte) *Cursor { return &Cursor{data: answer} }

// ErrUnexpected says that an answer is not what it should be.
var ErrUnexpected = errors.New("the answer is not the JSON that was expected")

// Peek skips white space and returns the next byte, 0 at the end.
func (c *Cursor) Peek() byte {
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

// AtEnd reports whether nothing but white space is left.
func (c *Cursor) AtEnd() bool { return c.Peek() == 0 && c.at == len(c.data) }

// take consumes b if it is next.
func (c *Cursor) take(b byte) bool {
	if c.Peek() != b {
		return false
	}
	c.at++
	return true
}

// Literal consumes text if it is next.
func (c *Cursor) Literal(text string) bool {
	if !bytes.HasPrefix(c.data[c.at:], []byte(text)) {
		return false
	}
	c.at += len(text)
	return true
}

// Text consumes a string and returns what is between its quotes, escapes included.
func (c *Cursor) Text() ([]byte, bool) {
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

// Unquoted consumes a string and undoes its escapes.
func (c *Cursor) Unquoted() ([]byte, bool) {
	from := c.at
	text, ok := c.Text()
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

func (c *Cursor) escape() bool {
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

// Number consumes an integer that fits an int64.
func (c *Cursor) Number() (int64, bool) {
	c.Peek()
	from := c.at
	negative := c.Literal("-")
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

// Members consumes an object, calling each with a key; each consumes the value.
func (c *Cursor) Members(each func(key []byte) bool) bool {
	if !c.take('{') {
		return false
	}
	if c.take('}') {
		return true
	}
	for {
		key, ok := c.Text()
		if !ok || !c.take(':') || !each(key) {
			return false
		}
		if c.take(',') {
			continue
		}
		return c.take('}')
	}
}

// Elements consumes an array, calling each to consume an element.
func (c *Cursor) Elements(each func() bool) bool {
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
