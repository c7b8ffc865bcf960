package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// The types of errors, as the servers name them, that mean something to more than one package.
const (
	BlockException         = "cluster_block_exception"
	IndexNotFoundException = "index_not_found_exception"
)

// ResponseError is an answer other than 2xx.
type ResponseError struct {
	Status int
	Type   string // as the server names it; empty if the answer was not the server's
	Reason string
}

func (r *ResponseError) Error() string {
	if r.Type == "" {
		return fmt.Sprintf("HTTP %d %s: %s", r.Status, http.StatusText(r.Status), r.Reason)
	}
	return fmt.Sprintf("%s: %s (HTTP %d)", r.Type, r.Reason, r.Status)
}

// Retryable tells whether the same request may succeed later.
func (r *ResponseError) Retryable() bool {
	switch r.Status {
	case http.StatusTooManyRequests:
		return r.Type != BlockException
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return true
	}
	return false
}

// NewResponseError reads an error answer: the server's own, or whatever a proxy says.
func NewResponseError(status int, body []byte) *ResponseError {
	var a struct {
		Error json.RawMessage `json:"error"`
	}
	r := &ResponseError{Status: status}
	if json.Unmarshal(body, &a) == nil {
		r.Type, r.Reason = Causes(a.Error)
	}
	if r.Type == "" {
		r.Reason = Clip(body)
	}
	return r
}

// Causes joins the reasons of an error object from the outside in.
func Causes(raw []byte) (kind, reason string) {
	var e struct {
		Type   string          `json:"type"`
		Reason string          `json:"reason"`
		Cause  json.RawMessage `json:"caused_by"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return "", ""
	}
	if _, inner := Causes(e.Cause); inner != "" && !strings.Contains(e.Reason, inner) {
		return e.Type, e.Reason + ": " + inner
	}
	return e.Type, e.Reason
}

// Clip shortens an answer for a message.
func Clip(body []byte) string {
	const most = 200
	text := strings.Join(strings.Fields(string(body[:min(len(body), most)])), " ")
	if text == "" {
		return "an empty answer"
	}
	if len(body) > most {
		text += "…"
	}
	return text
}
