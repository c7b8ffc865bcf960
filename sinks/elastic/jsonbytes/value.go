package jsonbytes

import "bytes"

// deepest nesting that is followed; servers allow 1,000 in documents, but what is read
// strictly here are their own answers.
const deepest = 100

// Value consumes any value strictly and returns its bytes.
func (c *Cursor) Value() ([]byte, bool) {
	c.Peek()
	from := c.at
	ok := c.skip(0)
	return c.data[from:c.at], ok
}

func (c *Cursor) skip(depth int) bool {
	if depth > deepest {
		return false
	}
	switch b := c.Peek(); {
	case b == '{':
		return c.Members(func([]byte) bool { return c.skip(depth + 1) })
	case b == '[':
		return c.Elements(func() bool { return c.skip(depth + 1) })
	case b == '"':
		_, ok := c.Text()
		return ok
	case b == '-' || b >= '0' && b <= '9':
		return c.decimal()
	}
	return c.Literal("true") || c.Literal("false") || c.Literal("null")
}

// decimal consumes a number of any form.
func (c *Cursor) decimal() bool {
	c.Literal("-")
	if !c.Literal("0") && !c.digits() {
		return false
	}
	if c.Literal(".") && !c.digits() {
		return false
	}
	if c.Literal("e") || c.Literal("E") {
		if !c.Literal("+") {
			c.Literal("-")
		}
		return c.digits()
	}
	return true
}

func (c *Cursor) digits() bool {
	from := c.at
	for c.at < len(c.data) && c.data[c.at] >= '0' && c.data[c.at] <= '9' {
		c.at++
	}
	return c.at > from
}

// Document consumes an object that the server has validated when it was stored: only
// its end is looked for, which is what makes a scan quick.
func (c *Cursor) Document() ([]byte, bool) {
	if c.Peek() != '{' {
		return nil, false
	}
	from, depth := c.at, 0
	for i := c.at; i < len(c.data); i++ {
		switch c.data[i] {
		case '"':
			end := closing(c.data[i+1:])
			if end < 0 {
				return nil, false
			}
			i += 1 + end
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				c.at = i + 1
				return c.data[from:c.at], true
			}
		}
	}
	return nil, false
}

// closing finds the quote that ends a string.
func closing(data []byte) int {
	for from := 0; ; {
		at := bytes.IndexByte(data[from:], '"')
		if at < 0 {
			return -1
		}
		at += from
		escapes := 0
		for escapes < at && data[at-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
		from = at + 1
	}
}
