package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// Limit is the most bytes that an answer may have, by the kind of call. An answer that goes on
// beyond it would take all memory.
type Limit int64

// The limits. Answers of the first kind say something about the cluster or its indices; the second
// have documents, each of which may have as many bytes as a request.
const (
	Small     Limit = 64 << 20
	Documents Limit = 1 << 30
)

// BulkAnswer is the limit of the answer to a bulk request of n documents: a status for each, and
// the reason of each that is refused.
func BulkAnswer(n int) Limit { return 1<<20 + Limit(n)<<14 }

// ReadAnswer reads an answer whole into a buffer that was used before.
func (c *Client) ReadAnswer(answer *bytes.Buffer, res *http.Response, most Limit) error {
	answer.Reset()
	body := io.LimitedReader{R: res.Body, N: int64(most) + 1}
	if _, err := answer.ReadFrom(&body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if int64(answer.Len()) <= int64(most) {
		return nil
	}
	from, what := c.Addresses, ""
	if req := res.Request; req != nil && req.URL != nil {
		from, what = req.URL.Host, " to "+req.Method+" "+req.URL.Path
	}
	answer.Reset()
	return &Error{
		Kind: Failed, What: fmt.Sprintf("the answer of %s%s has more than %d bytes, which no such answer has", from, what, int64(most)),
		Remedy: "is this the address of a node, and not of something in its place? (target's addresses)",
	}
}
