package bulk

import (
	"bytes"
	"net/http"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// rule is what follows from an answer about a document or a whole request.
type rule uint8

const (
	decided      rule = iota // a verdict
	retry                    // unknown; sent again for as long as the run lasts
	retryBounded             // unknown; sent again, but an error if it lasts longer than Config.RetryBound
	split                    // the request is at fault, not the cluster: sent again in smaller parts
	indexMissing             // the alias that is written through is not there
	fatal                    // no use to send it again
)

const (
	versionConflictException = "version_conflict_engine_exception"
	indexClosedException     = "index_closed_exception"
	notXContentException     = "not_x_content_exception" // a body that is no object: a 400, but a 500 of Elasticsearch 9
)

// judge decides on one item.
func (i item) judge(deletion bool) (rule, sinks.Outcome) {
	switch s := i.status; {
	case s/100 == 2 && i.fault == nil, s == http.StatusNotFound && deletion && i.fault == nil:
		if deletion {
			return decided, sinks.Deleted
		}
		return decided, sinks.Written
	case s == http.StatusConflict && i.is(versionConflictException):
		return decided, sinks.Superseded
	case s == http.StatusNotFound && i.is(transport.IndexNotFoundException):
		return indexMissing, sinks.Undecided
	case i.is(transport.BlockException):
		return retryBounded, sinks.Undecided
	case s == http.StatusBadRequest && i.is(indexClosedException), s == http.StatusUnauthorized, s == http.StatusForbidden:
		return fatal, sinks.Undecided
	case i.is(notXContentException), s == http.StatusBadRequest && i.fault != nil, s == http.StatusRequestEntityTooLarge:
		return decided, sinks.Rejected
	case s == http.StatusTooManyRequests, unavailableStatus(s):
		return retry, sinks.Undecided
	}
	return retryBounded, sinks.Undecided
}

// is tells whether the item's error is of a type, without decoding it: a catch-up can
// have many superseded documents.
func (i item) is(kind string) bool {
	return bytes.Contains(i.fault[:min(len(i.fault), 200)], []byte(`"`+kind+`"`))
}

func unavailableStatus(status int) bool {
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
		return retryBounded
	case r.Status == http.StatusTooManyRequests, unavailableStatus(r.Status):
		return retry
	case r.Status == http.StatusRequestEntityTooLarge, r.Type == notXContentException, r.Status == http.StatusBadRequest && r.Type != "":
		return split
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return fatal
	case r.Type == transport.IndexNotFoundException:
		return indexMissing
	}
	return retryBounded
}
