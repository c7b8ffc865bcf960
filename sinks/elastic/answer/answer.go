// Package answer reads the answers of a target, each within a limit that goes by the kind of call: a
// server that answers without an end would take all memory.
package answer

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// Limit is the most bytes that an answer may have.
type Limit int64

// The limits. Answers of the first kind say something about the cluster or its indices; the second
// have documents, each of which may have as many bytes as a request.
const (
	Small     Limit = 64 << 20
	Documents Limit = 1 << 30
)

// OfBulk is the limit of the answer to a bulk request of n documents: a status for each, and the
// reason of each that is refused.
func OfBulk(n int) Limit { return 1<<20 + Limit(n)<<14 }

// Endless is the error of an answer beyond its limit.
type Endless struct {
	From string // whom was asked, and for what; empty: not known
	Most Limit
}

func (e *Endless) Error() string {
	return fmt.Sprintf("the answer%s has more than %d bytes, which no such answer has: is this the address of a node, and not of something in its place? (target's addresses)", e.From, int64(e.Most))
}

// Read reads an answer whole into a buffer that may have been used before.
func Read(into *bytes.Buffer, res *http.Response, most Limit) error {
	into.Reset()
	body := io.LimitedReader{R: res.Body, N: int64(most) + 1}
	if _, err := into.ReadFrom(&body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if int64(into.Len()) <= int64(most) {
		return nil
	}
	*into = bytes.Buffer{}
	e := &Endless{Most: most}
	if req := res.Request; req != nil && req.URL != nil {
		e.From = fmt.Sprintf(" of %s to %s %s", req.URL.Host, req.Method, req.URL.Path)
	}
	return e
}
