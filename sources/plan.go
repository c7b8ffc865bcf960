package sources

import (
	"humpty/internal/field"
	"humpty/internal/problem"
)

// Plan is how a source would be read: data, with no side effect.
type Plan struct {
	Partitions []Partition       `json:"partitions"`
	Readers    int               `json:"readers"` // how many partitions may be read at once
	Rows       int64             `json:"rows"`    // estimate: root rows or events
	Bytes      int64             `json:"bytes"`   // estimate: bytes of documents or events
	Notes      []string          `json:"notes,omitempty"`
	Warnings   []problem.Problem `json:"warnings,omitempty"` // errors among them are for Refusal

	Fields []field.Field `json:"-"` // of the documents; nil: they are known only when they are read
	Routed bool          `json:"-"` // the documents have a routing of their own

	Starts map[string]LogStart `json:"-"` // of each partition of a log, as EndOffsets names it
}

// LogStart says where a partition of a log begins, and from where on it is read.
type LogStart struct{ Begins, Read Position }

// Refusal is why the source must not be read from its beginning, though it can be: a log has
// not all that the documents are made of. It is nil, or a *problem.Refusal.
func (p Plan) Refusal() error {
	wrong := problem.List(p.Warnings).Errors()
	if len(wrong) == 0 {
		return nil
	}
	refusal := &problem.Refusal{}
	for _, one := range wrong {
		one.Remedy, refusal.Remedy = "", one.Remedy
		if refusal.Why != "" {
			refusal.Why += "; "
		}
		refusal.Why += one.String()
	}
	return refusal
}

// Partition is read in order by one reader: a key range of a table (a chunk),
// or one partition of a topic.
type Partition struct {
	ID    string `json:"id"`    // unique and stable within a run: shop.orders/0007, shipments/3
	From  string `json:"from"`  // exclusive lower bound, opaque to the engine; empty: from the start
	To    string `json:"to"`    // inclusive upper bound; empty: to the end
	Rows  int64  `json:"rows"`  // estimate
	Bytes int64  `json:"bytes"` // estimate
}
