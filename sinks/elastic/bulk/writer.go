package bulk

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Config says what is written to, and how long a Write tries.
type Config struct {
	Index string        // its name
	Alias func() string // what it is written through now; "": nothing may be written

	MaxRequestBytes   int           // of one body; larger batches are split
	Gzip              bool          // compress bodies
	RetryBound        time.Duration // how long an answer that does not pass by itself may last
	UnassignedTimeout time.Duration // how long shards of the index may be without a node

	// Waiting is told why a Write waits, from its goroutine, before each wait of a second
	// or more.
	Waiting func(reason string)

	// Missing is called when a request found no such alias, with the number of documents that
	// have no verdict yet: nil if it is there, and only the node that was asked does not know it
	// yet.
	Missing func(ctx context.Context, alias string, undecided int) error

	// Unassigned is an error if shards of the index have had no node since that moment.
	Unassigned func(ctx context.Context, since time.Time) error
}

// Writer writes documents to one index, until each has its verdict.
type Writer struct {
	client *transport.Client
	cfg    Config
	query  string // behind the alias that documents are sent through

	attempts  sync.Pool              // of *attempt
	bodyLimit atomic.Int64           // bytes of one body; a 413 lowers it
	tag       atomic.Pointer[string] // who we are, in the cluster's task list and logs
	gate      recoveryGate           // after outages
	throttled atomic.Int64           // requests that were refused because the target is full
}

// New makes a Writer; Tag says for whom it writes.
func New(client *transport.Client, cfg Config) *Writer {
	w := &Writer{client: client, cfg: cfg}
	// The server shall not wait for shards that have no node for as long as it would: 1 m.
	away := min(max(cfg.UnassignedTimeout/10, time.Second), 10*time.Second)
	w.query = "/_bulk?require_alias=true&timeout=" + strconv.FormatInt(away.Milliseconds(), 10) + "ms&filter_path=" + answerParts
	w.bodyLimit.Store(int64(cfg.MaxRequestBytes))
	w.attempts.New = func() any { return new(attempt) }
	return w
}

// maxIDBytes is the longest id that there can be.
const maxIDBytes = 512

// Tag names the run and the epoch in the cluster's task list and logs.
func (w *Writer) Tag(run string, epoch int64) {
	tag := fmt.Sprintf("humpty-%s-%d", run, epoch)
	w.tag.Store(&tag)
}

// ThrottledTotal implements sinks.ThrottleCounter.
func (w *Writer) ThrottledTotal() int64 { return w.throttled.Load() }

// Write sends docs until each has its verdict; see sinks.Sink. Errors are *Error, or
// the context's.
func (w *Writer) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	start := time.Now()
	clear(verdicts)
	for i := range docs {
		if docs[i].Body == nil && len(docs[i].ID) > maxIDBytes {
			verdicts[i] = sinks.Verdict{Outcome: sinks.Deleted} // there never was one; its deletion would be refused
		}
	}
	b := &batch{Writer: w, attempt: w.attempts.Get().(*attempt), docs: docs, verdicts: verdicts, maxDocs: math.MaxInt}
	err := b.write(ctx)
	if b.reusable() {
		w.attempts.Put(b.attempt)
	}
	b.receipt.Took = time.Since(start)
	return b.receipt, err
}

// WriteIf writes documents that are still as they were seen, with if_seq_no and
// if_primary_term, or op create where none was seen.
func (w *Writer) WriteIf(ctx context.Context, docs []sinks.Document, seen []string, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	start := time.Now()
	clear(verdicts)
	conditions := make([]string, len(docs))
	for i := range docs {
		sequence, term, ok := strings.Cut(seen[i], "/")
		switch {
		case ok:
			conditions[i] = `,"if_seq_no":` + sequence + `,"if_primary_term":` + term
		case seen[i] != "":
			return sinks.Receipt{}, fmt.Errorf("amend document %q of index %s: %q was not seen by Get", docs[i].ID, w.cfg.Index, seen[i])
		case docs[i].Body == nil:
			verdicts[i] = sinks.Verdict{Outcome: sinks.Deleted} // there was none
		}
	}
	b := &batch{Writer: w, attempt: &attempt{conditions: conditions}, docs: docs, verdicts: verdicts, maxDocs: math.MaxInt}
	err := b.write(ctx)
	b.receipt.Took = time.Since(start)
	return b.receipt, err
}
