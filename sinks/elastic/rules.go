package elastic

import (
	"bytes"
	"net/http"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// rule is what follows from an answer about a document or a whole request.
type rule uint8

const (
	decided  rule = iota // a verdict
	again                // unknown; sent again for as long as the run lasts
	stubborn             // unknown; sent again, but an error if it lasts longer than Config.Patience
	split                // the request is at fault, not the cluster: sent again in smaller parts
	gone                 // the alias that is written through is not there
	fatal                // no use to send it again
)

const (
	conflictType = "version_conflict_engine_exception"
	closedType   = "index_closed_exception"
	noObjectType = "not_x_content_exception" // a body that is no object: a 400, but a 500 of Elasticsearch 9
)

// judge decides on one item.
func (i item) judge(deletion bool) (rule, sinks.Outcome) {
	switch s := i.status; {
	case s/100 == 2 && i.fault == nil, s == http.StatusNotFound && deletion && i.fault == nil:
		if deletion {
			return decided, sinks.Deleted
		}
		return decided, sinks.Written
	case s == http.StatusConflict && i.is(conflictType):
		return decided, sinks.Superseded
	case s == http.StatusNotFound && i.is(transport.IndexNotFoundException):
		return gone, sinks.Undecided
	case i.is(transport.BlockException):
		return stubborn, sinks.Undecided
	case s == http.StatusBadRequest && i.is(closedType), s == http.StatusUnauthorized, s == http.StatusForbidden:
		return fatal, sinks.Undecided
	case i.is(noObjectType), s == http.StatusBadRequest && i.fault != nil, s == http.StatusRequestEntityTooLarge:
		return decided, sinks.Rejected
	case s == http.StatusTooManyRequests, passingStatus(s):
		return again, sinks.Undecided
	}
	return stubborn, sinks.Undecided
}

// is tells whether the item's error is of a type, without decoding it: a catch-up can
// have many superseded documents.
func (i item) is(kind string) bool {
	return bytes.Contains(i.fault[:min(len(i.fault), 200)], []byte(`"`+kind+`"`))
}

func passingStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// judgeRequest decides on a whole request that was not answered by items.
func judgeRequest(r *transport.ResponseError) rule {
	switch {
	case r.Type == transport.BlockException:
		return stubborn
	case r.Status == http.StatusTooManyRequests, passingStatus(r.Status):
		return again
	case r.Status == http.StatusRequestEntityTooLarge, r.Type == noObjectType, r.Status == http.StatusBadRequest && r.Type != "":
		return split
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return fatal
	case r.Type == transport.IndexNotFoundException:
		return gone
	}
	return stubborn
}
