package fence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"humpty/internal/crashpoint"
	"humpty/sinks/elastic/transport"
)

// Numbers gives the writers of one alias their numbers. Each is the version of a document,
// which grows with each write, and at least the time in milliseconds: so no number comes
// twice, also when the document was deleted.
type Numbers struct {
	client *transport.Client
	path   string
	ensure func(ctx context.Context) error
}

// NewNumbers counts in a document beside the leases. ensure makes their index if it is not
// there.
func NewNumbers(client *transport.Client, index, alias string, ensure func(ctx context.Context) error) *Numbers {
	return &Numbers{client: client, path: "/" + index + "/_doc/" + url.PathEscape(alias+"#writers"), ensure: ensure}
}

// Next is a number that was never given.
func (n *Numbers) Next(ctx context.Context) (int64, error) {
	if err := n.ensure(ctx); err != nil {
		return 0, err
	}
	number := time.Now().UnixMilli()
	for {
		path := fmt.Sprintf("%s?version_type=external&version=%d", n.path, number)
		err := n.client.Call(ctx, transport.Request{Method: http.MethodPut, Path: path, Body: []byte("{}"), RetryFor: transport.DefaultRetry}, nil)
		var no *transport.ResponseError
		switch {
		case err == nil:
			crashpoint.At("writer numbered")
			return number, nil
		case !errors.As(err, &no) || no.Status != http.StatusConflict:
			return 0, n.client.Explain("take a number for a writer", err)
		}
		var is struct { // given already, to another or to an attempt of ours
			Version int64 `json:"_version"`
		}
		if _, err := n.client.Get(ctx, n.path, &is); err != nil {
			return 0, n.client.Explain("read the number of the last writer", err)
		}
		number = max(number, is.Version) + 1
	}
}
