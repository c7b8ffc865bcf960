package chaos

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/wait"
)

// lateRequests lets some bulk requests go on after their client gave up.
type lateRequests struct {
	next  http.RoundTripper
	group errgroup.Group

	mu    sync.Mutex
	rng   *rand.Rand
	Count int
}

var errNoAnswer = errors.New("no answer in time (by the test)")

// RoundTrip implements http.RoundTripper. Writes on condition are not held back, since
// nothing protects from a proxy that does so; but they too have no answer.
func (l *lateRequests) RoundTrip(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	stray, lateBy := l.rng.IntN(100) < 8, time.Duration(l.rng.IntN(400))*time.Millisecond
	if stray = stray && strings.Contains(req.URL.Path, "/_bulk"); stray {
		l.Count++
	}
	l.mu.Unlock()
	if !stray {
		return l.next.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	if err := errors.Join(err, req.Body.Close()); err != nil {
		return nil, err
	}
	if bytes.Contains(body, []byte(`"if_seq_no"`)) || bytes.Contains(body, []byte(`{"create"`)) {
		lateBy = 0
	}
	again := req.Clone(context.WithoutCancel(req.Context()))
	again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	l.group.Go(func() error {
		ctx := again.Context()
		if err := wait.For(ctx, lateBy); err != nil {
			return err
		}
		res, err := l.next.RoundTrip(again)
		if err != nil {
			return nil //nolint:nilerr // a late attempt may fail
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.Body.Close()
	})
	if lateBy == 0 { // give it the time to be under way
		if err := wait.For(req.Context(), 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, errNoAnswer
}
