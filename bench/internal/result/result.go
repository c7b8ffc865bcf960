package result

import "time"

// Result is one measurement with everything needed to judge it later.
type Result struct {
	Stamp
	Measurement
}

// Stamp says which run a measurement belongs to, of what code, on what.
type Stamp struct {
	Schema   int               `json:"schema"` // 1
	Run      string            `json:"run"`    // the same for all lines of a run: 20261124t061500
	Mode     string            `json:"mode"`   // quick | full | the verb
	Commit   string            `json:"commit"`
	Dirty    bool              `json:"dirty"` // the checkout differed from the commit
	Date     time.Time         `json:"date"`
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"` // go, postgres, elasticsearch, …
	Servers  map[string]string `json:"servers"`  // settings of the servers that matter: postgres.shared_buffers, …
}

// Measurement is what was done once, and what it took.
type Measurement struct {
	What      What               `json:"what"`
	Target    string             `json:"target,omitempty"` // null | elasticsearch | opensearch
	Shape     string             `json:"shape"`
	Series    string             `json:"series,omitempty"` // what it is a half of: e2e | null
	Pair      int                `json:"pair,omitempty"`   // which pair of the series, from 1
	Orders    int                `json:"orders"`
	Documents int64              `json:"documents"`
	Bytes     int64              `json:"bytes"` // of documents; of the wire for copy
	Settings  Settings           `json:"settings"`
	Seconds   float64            `json:"seconds"`           // see What
	Figures   map[string]float64 `json:"figures,omitempty"` // by their names in package figure, and more
}

// What was measured; the comment says what its Seconds are.
type What string

// The measurements.
const (
	Seed     What = "seed"     // creating and filling the tables, with keys and statistics
	Copy     What = "copy"     // raw binary COPY of all rows, first byte to last
	Firehose What = "firehose" // raw _bulk of the documents from memory, to the end of one refresh
	BothEnds What = "both"     // firehose and copy at once, to the end of both
	Scan     What = "scan"     // raw sliced scan of the index
	Rebuild  What = "rebuild"  // first read to the end of the last write and, of an index, of its refresh
	Verify   What = "verify"   // full verification of a right index that serves, start to verdict
	Repair   What = "repair"   // the same after drift, and the writing of what differs, until all is right
	Query    What = "query"    // as Rebuild into the null sink, from a query in which PostgreSQL builds the JSON
	Fetch    What = "fetch"    // raw fetch of all events, first request to last byte; its documents are events
	Fold     What = "fold"     // events into the null sink, first read to the end of the last write
	Beside   What = "beside"   // the load phase of a rebuild of one snapshot, beside a writer
	Live     What = "live"     // the load phase of a rebuild with capture, beside a writer
	Naive    What = "naive"    // first read to the answer to the last write
)

// Settings that tell measurements of the same kind apart. Zero: does not apply, or the
// engine's own choice.
type Settings struct {
	Connections int     `json:"connections,omitempty"` // reading: to PostgreSQL
	Writers     int     `json:"writers,omitempty"`     // writing: bulk requests at once
	BatchMB     float64 `json:"batch_mb,omitempty"`    // of one bulk request
	BatchDocs   int     `json:"batch_docs,omitempty"`  // of one bulk request, where counted
	Shards      int     `json:"shards,omitempty"`
	Slices      int     `json:"slices,omitempty"`    // of a scan
	Page        int     `json:"page,omitempty"`      // documents of one answer of a scan
	Fold        string  `json:"fold,omitempty"`      // how events become documents
	MemoryMB    float64 `json:"memory_mb,omitempty"` // budget of what is folded, where it is too small for it
	Factor      int     `json:"factor,omitempty"`    // of scale: times the base's data
}

// PerSecond is documents per second.
func (m Measurement) PerSecond() float64 { return ratio(float64(m.Documents), m.Seconds) }

// MBPerSecond is megabytes (10⁶) per second.
func (m Measurement) MBPerSecond() float64 { return ratio(float64(m.Bytes)/1e6, m.Seconds) }

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
