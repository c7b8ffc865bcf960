package fold

import "humpty/sources"

// Decoder reads the bytes of events. Package decode has those for JSON and Debezium; see the
// example for one with a schema registry (Avro, Protobuf). It is safe for concurrent use; what it gives points
// into the record, or is its own.
type Decoder interface {
	// Decode fills d. An error is a *Poison, or ErrFiltered, or ends the run.
	Decode(r *sources.Record, d *Decoded) error
}

// Decoded is what a decoder makes of a record.
type Decoded struct {
	Key     []byte // the document's id; an empty one is poison
	Type    []byte
	Value   []byte // one checked JSON value; nil with Deleted
	Deleted bool
}
