package elastic

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/jsonbytes"
)

// WriteIf writes documents that are still as they were seen, with if_seq_no and
// if_primary_term, or op create where none was seen.
func (x *index) WriteIf(ctx context.Context, docs []sinks.Document, seen []string, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	start := time.Now()
	clear(verdicts)
	conditions := make([]string, len(docs))
	for i := range docs {
		sequence, term, ok := strings.Cut(seen[i], "/")
		switch {
		case ok:
			conditions[i] = `,"if_seq_no":` + sequence + `,"if_primary_term":` + term
		case seen[i] != "":
			return sinks.Receipt{}, fmt.Errorf("amend document %q of index %s: %q was not seen by Get", docs[i].ID, x.name, seen[i])
		case docs[i].Body == nil:
			verdicts[i] = sinks.Verdict{Outcome: sinks.Deleted} // there was none
		}
	}
	w := &batch{index: x, attempt: &attempt{amend: conditions}, docs: docs, verdicts: verdicts, most: math.MaxInt}
	err := w.write(ctx)
	w.receipt.Took = time.Since(start)
	return w.receipt, err
}

// appendAmendment appends what a bulk request has for a document under a condition; an
// empty one demands that it is not there.
func appendAmendment(dst []byte, d *sinks.Document, condition string) []byte {
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
