package shop

import (
	"strconv"
	"strings"
	"time"
)

// copyRows builds rows in the text form of COPY. The server reads it about as fast as
// the binary one, and it needs no encoder for numeric.
type copyRows struct {
	buf  []byte
	rows int64
	open bool // within a row
}

func (c *copyRows) field() {
	if c.open {
		c.buf = append(c.buf, '\t')
	}
	c.open = true
}

func (c *copyRows) end() {
	c.buf = append(c.buf, '\n')
	c.rows++
	c.open = false
}

func (c *copyRows) int(n int) {
	c.field()
	c.buf = strconv.AppendInt(c.buf, int64(n), 10)
}

// cents writes a numeric with two digits behind the point.
func (c *copyRows) cents(n int) {
	c.field()
	if n < 0 {
		c.buf = append(c.buf, '-')
		n = -n
	}
	c.buf = strconv.AppendInt(c.buf, int64(n/100), 10)
	c.buf = append(c.buf, '.', byte('0'+n/10%10), byte('0'+n%10))
}

func (c *copyRows) null() {
	c.field()
	c.buf = append(c.buf, `\N`...)
}

func (c *copyRows) text(parts ...string) {
	c.field()
	for _, s := range parts {
		if strings.ContainsAny(s, "\\\t\n\r") {
			s = copyEscapes.Replace(s)
		}
		c.buf = append(c.buf, s...)
	}
}

// copyEscapes is what COPY's text form wants escaped.
var copyEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// firstDay is day 0 of the shop; its orders come from the five years after it.
const (
	firstDay = 1_609_459_200 // 2021-01-01, in seconds since 1970
	lastDay  = 1_800
)

func (c *copyRows) date(day int) {
	c.field()
	c.buf = time.Unix(firstDay+int64(day)*86_400, 0).UTC().AppendFormat(c.buf, time.DateOnly)
}

// moment writes a timestamptz: a second and a microsecond of a day.
func (c *copyRows) moment(day, second, micro int) {
	c.field()
	at := time.Unix(firstDay+int64(day)*86_400+int64(second), int64(micro)*1_000).UTC()
	c.buf = at.AppendFormat(c.buf, "2006-01-02 15:04:05.999999Z07:00")
}
