package pgoutput

// Message is one message of the stream: *Begin, *Commit, *Relation, *Change, *Truncate
// or *Emitted. Its slices point into the bytes that were decoded.
type Message interface{ message() }

// Begin opens a transaction.
type Begin struct {
	FinalLSN uint64 // of the commit
	Xid      uint32 // top-level
}

// Commit closes it.
type Commit struct {
	LSN    uint64 // of the commit record
	EndLSN uint64 // behind it: what to acknowledge
}

// Relation describes a table before its first change, and again when it was altered.
type Relation struct {
	OID      uint32
	Schema   string
	Name     string
	Identity byte // d default, n nothing, f full, i index
	Columns  []Column
}

// Column of a Relation.
type Column struct {
	Name string
	Key  bool // part of the replica identity
	Type uint32
	Mod  int32
}

// Change is an insert, update or delete of one row.
type Change struct {
	Kind     byte // I, U or D
	Relation uint32
	Old      []Value // nil: not in the stream; else by column, only the key's unless OldFull
	OldFull  bool
	New      []Value // nil for a delete
}

// Value of a column. A value that was not changed and lies out of line (TOAST) is not in
// the stream.
type Value struct {
	Text      []byte
	Null      bool
	Unchanged bool
}

// Truncate empties relations.
type Truncate struct {
	Relations []uint32
	Cascade   bool
	Restart   bool
}

// Emitted is a message from pg_logical_emit_message.
type Emitted struct {
	Transactional bool
	LSN           uint64
	Prefix        string
	Content       []byte
}

func (*Begin) message()    {}
func (*Commit) message()   {}
func (*Relation) message() {}
func (*Change) message()   {}
func (*Truncate) message() {}
func (*Emitted) message()  {}
