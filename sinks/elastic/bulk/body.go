package bulk

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"humpty/sinks"
	"humpty/sinks/elastic/jsonbytes"
)

// longestID is the server's limit; a longer one would fail the whole request.
const longestID = 512

// invalid says why a document cannot be put into a request at all: each of these would
// make the server refuse everything that travels with it.
func invalid(d *sinks.Document) (kind, reason string) {
	switch {
	case len(d.ID) == 0:
		return "invalid_id", "the id is empty"
	case len(d.ID) > longestID:
		return "invalid_id", "the id has " + strconv.Itoa(len(d.ID)) + " bytes, more than the 512 that are possible"
	case !utf8.Valid(d.ID) || !utf8.Valid(d.Routing):
		return "invalid_id", "the id or routing is not UTF-8"
	case d.Version < 0:
		return "invalid_version", "the version " + strconv.FormatInt(d.Version, 10) + " is negative"
	case d.Body != nil && len(d.Body) == 0:
		return "invalid_body", "the body is empty"
	case bytes.IndexByte(d.Body, '\n') >= 0:
		return "invalid_body", "the body has more than one line"
	}
	return "", ""
}

// overhead bounds what appendDocument adds to id, routing and body, escapes aside.
const overhead = 112

// appendDocument appends the one or two lines that a bulk request has for a document.
func appendDocument(dst []byte, d *sinks.Document) []byte {
	if d.Body == nil {
		dst = append(dst, `{"delete":{"_id":"`...)
	} else {
		dst = append(dst, `{"index":{"_id":"`...)
	}
	dst = jsonbytes.AppendEscaped(dst, d.ID)
	dst = append(dst, '"')
	if d.Routing != nil {
		dst = append(dst, `,"routing":"`...)
		dst = jsonbytes.AppendEscaped(dst, d.Routing)
		dst = append(dst, '"')
	}
	if d.HasVersion() {
		dst = append(dst, `,"version":`...)
		dst = strconv.AppendInt(dst, d.Version, 10)
		dst = append(dst, `,"version_type":"external_gte"`...)
	}
	dst = append(dst, "}}\n"...)
	if d.Body != nil {
		dst = append(dst, d.Body...)
		dst = append(dst, '\n')
	}
	return dst
}

// appendConditional appends what a bulk request has for a document under a condition; an
// empty one demands that it is not there.
func appendConditional(dst []byte, d *sinks.Document, condition string) []byte {
	verb := "index"
	switch {
	case d.Body == nil:
		verb = "delete"
	case condition == "":
		verb = "create"
	}
	dst = append(dst, `{"`+verb+`":{"_id":"`...)
	dst = jsonbytes.AppendEscaped(dst, d.ID)
	dst = append(dst, '"')
	if d.Routing != nil {
		dst = append(dst, `,"routing":"`...)
		dst = jsonbytes.AppendEscaped(dst, d.Routing)
		dst = append(dst, '"')
	}
	dst = append(dst, condition...)
	dst = append(dst, "}}\n"...)
	if d.Body != nil {
		dst = append(dst, d.Body...)
		dst = append(dst, '\n')
	}
	return dst
}
