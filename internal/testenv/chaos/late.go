package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/wait"
)

// moment is when a bulk request that was held back is passed on.
type moment string

const (
	afterAWhile = "late: after a moment"
	afterSettle = "late: after the settle"         // another bulk with one of its documents was answered
	afterAlias  = "late: after the alias change"   // any alias
	afterSwap   = "late: after the swap"           // the alias that serves
	atRest      = "late: when everything is right" // behind the comparison
)

func moments() []moment { return []moment{afterAWhile, afterSettle, afterAlias, afterSwap, atRest} }

// lateRequests is a proxy's way to a target that lets some bulk requests land when their client
// has given up, or twice.
type lateRequests struct {
	next    http.RoundTripper
	alias   string
	anytime bool // else only a moment later, and no writes on condition, which the engine cannot be protected from then
	journal *journal
	group   errgroup.Group

	mu    sync.Mutex
	rng   *rand.Rand
	held  []*heldBulk
	Count int
}

// heldBulk is a request that nobody waits for any more.
type heldBulk struct {
	request *http.Request
	body    []byte
	ids     []string
	until   moment
}

var errNoAnswer = errors.New("no answer in time (by the test)")

// RoundTrip implements http.RoundTripper.
func (l *lateRequests) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case strings.HasSuffix(req.URL.Path, "/_aliases"):
		return l.aliases(req)
	case !strings.Contains(req.URL.Path, "/_bulk"):
		return l.next.RoundTrip(req)
	}
	body, err := read(req)
	if err != nil {
		return nil, err
	}
	h := &heldBulk{request: req, body: body, ids: idsOf(body)}
	l.mu.Lock()
	stray, how := l.rng.IntN(100) < 8, l.rng.IntN(4)
	lateBy := time.Duration(l.rng.IntN(400)) * time.Millisecond
	h.until = moments()[l.rng.IntN(len(moments()))]
	if !l.anytime {
		h.until = afterAWhile
	}
	if stray {
		l.Count++
	}
	l.mu.Unlock()
	if !stray {
		res, err := l.next.RoundTrip(h.again(req.Context()))
		if err == nil && res.StatusCode == http.StatusOK {
			l.release(afterSettle, h.ids)
		}
		return res, err
	}
	return l.late(req, h, how, lateBy)
}

// late holds a request back, or lets it pass and holds a copy back.
func (l *lateRequests) late(req *http.Request, h *heldBulk, how int, lateBy time.Duration) (*http.Response, error) {
	if !l.anytime {
		if how > 1 {
			how = 0
		}
		if bytes.Contains(h.body, []byte(`"if_seq_no"`)) || bytes.Contains(h.body, []byte(`{"create"`)) {
			lateBy = 0
		}
	}
	var passed *http.Response
	var err error
	if how > 1 {
		if passed, err = l.next.RoundTrip(h.again(req.Context())); err != nil {
			return nil, err
		}
	}
	kind := [...]string{lateUnanswered, lateTimeout, lateTwice, lateAnswered}[how]
	l.journal.count(kind, 1)
	l.journal.count(string(h.until), 1)
	l.journal.note("%s %s: %s, %d documents: %.300s", req.URL.Path, kind, h.until, len(h.ids), strings.Join(h.ids, " "))
	if h.until == afterAWhile {
		l.pass(h, lateBy)
	} else {
		l.mu.Lock()
		l.held = append(l.held, h)
		l.mu.Unlock()
	}
	if lateBy == 0 { // give it the time to be under way
		if err := wait.For(req.Context(), 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
	switch kind {
	case lateAnswered:
		return passed, nil
	case lateTwice:
		_, _ = io.Copy(io.Discard, passed.Body)
		if err := passed.Body.Close(); err != nil {
			return nil, err
		}
	case lateUnanswered:
		return nil, errNoAnswer
	}
	return gatewayTimeout(req), nil
}

func gatewayTimeout(req *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusGatewayTimeout, Status: "504 Gateway Timeout", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader("upstream request timeout")), Request: req,
	}
}

// aliases passes on a change of aliases, and then what waited for one.
func (l *lateRequests) aliases(req *http.Request) (*http.Response, error) {
	body, err := read(req)
	if err != nil {
		return nil, err
	}
	res, err := l.next.RoundTrip((&heldBulk{request: req, body: body}).again(req.Context()))
	if err == nil && res.StatusCode == http.StatusOK {
		l.release(afterAlias, nil)
		if bytes.Contains(body, []byte(`"alias":"`+l.alias+`"`)) {
			l.release(afterSwap, nil)
		}
	}
	return res, err
}

// release passes on what waited for a moment, and has one of the documents if there are any.
func (l *lateRequests) release(until moment, ids []string) {
	l.mu.Lock()
	var due []*heldBulk
	l.held = slices.DeleteFunc(l.held, func(h *heldBulk) bool {
		if h.until != until || ids != nil && !slices.ContainsFunc(h.ids, func(id string) bool { return slices.Contains(ids, id) }) {
			return false
		}
		due = append(due, h)
		return true
	})
	l.mu.Unlock()
	for _, h := range due {
		l.pass(h, 5*time.Millisecond)
	}
}

// land passes on all that is still held back, and waits until everything has landed.
func (l *lateRequests) land() error {
	for _, m := range moments() {
		l.release(m, nil)
	}
	return l.group.Wait()
}

// pass passes a request on, later.
func (l *lateRequests) pass(h *heldBulk, lateBy time.Duration) {
	ctx := context.WithoutCancel(h.request.Context())
	l.group.Go(func() error {
		if err := wait.For(ctx, lateBy); err != nil {
			return err
		}
		res, err := l.next.RoundTrip(h.again(ctx))
		if err != nil {
			l.journal.note("late, %s: %v", h.until, err)
			return nil // a late attempt may fail
		}
		answer, _ := io.ReadAll(res.Body)
		kind := lateRefused
		if res.StatusCode == http.StatusOK && (bytes.Contains(answer, []byte(`"status":200`)) || bytes.Contains(answer, []byte(`"status":201`))) {
			kind = lateLanded
		}
		l.journal.count(kind, 1)
		l.journal.note("%s, %s: %d %.200s", kind, h.until, res.StatusCode, answer)
		return res.Body.Close()
	})
}

// again is the request once more.
func (h *heldBulk) again(ctx context.Context) *http.Request {
	again := h.request.Clone(ctx)
	again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(h.body)), int64(len(h.body))
	return again
}

func read(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	return body, errors.Join(err, req.Body.Close())
}

// idsOf are the documents of a bulk request.
func idsOf(body []byte) []string {
	var ids []string
	for line := range bytes.Lines(body) {
		var actions map[string]struct {
			ID string `json:"_id"`
		}
		if json.Unmarshal(line, &actions) != nil || len(actions) != 1 {
			continue // a document
		}
		for verb, a := range actions {
			if verb == "index" || verb == "create" || verb == "delete" || verb == "update" {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids
}
