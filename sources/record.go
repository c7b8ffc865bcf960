package sources

// Position says how far a partition was read: opaque to everybody but its source,
// empty at the start. It is printable and survives in a checkpoint.
type Position string

// Record is one row with its includes, or one event. Its slices point into the
// batch that holds it and are valid until that batch is reset.
type Record struct {
	Key     []byte // the document's id for tables; the event's key for logs
	Routing []byte // nil where the projection has none
	Value   []byte // JSON; the document for tables, the payload for logs
	Version int64  // that of its row (version: column), where it is Versioned
	Deleted bool   // a tombstone, or a looked-up key that has no row (any more)
	Reject  string // why no document can be made of it (a NaN, an id too long); then Value is nil

	Versioned bool // else the engine decides on the version

	Time    int64    // logs: the event's time in milliseconds since 1970; 0 for tables
	Offset  int64    // logs: where the event stands in its partition
	Headers []Header // logs only
}

// Header is one header of an event.
type Header struct {
	Name  string
	Value []byte
}
