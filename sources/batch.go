package sources

import "slices"

// Batch is what a reader fills in one call: records, and the bytes they point into.
// The engine makes and reuses batches; a reader only appends.
type Batch struct {
	Records  []Record
	Position Position   // behind the last record: where Read would go on
	Snapshot TxSnapshot // what the records were read in; zero if one view serves all
	Counts   Counts     // what the reader met to fill this batch
	Limit    int        // stop filling once Data holds this many bytes; one larger record may exceed it

	Offsets OffsetSpan // logs: the offsets that were passed to fill this batch

	Partition string // which one it was read from; the engine's note, a reader leaves it alone

	Data []byte // the arena: records are slices of it, or of an arena it outgrew
}

// Counts is the input side of the ledger for one batch:
// Read = Used + Folded + Filtered + Orphaned + Poison.
type Counts struct {
	Read     int64 `json:"read"`     // root rows, or events
	Used     int64 `json:"used"`     // became a record
	Folded   int64 `json:"folded"`   // events that are in a record beside the one counted as used, or in a deleted document
	Filtered int64 `json:"filtered"` // left out by the definition
	Orphaned int64 `json:"orphaned"` // belong to no document
	Poison   int64 `json:"poison"`   // unreadable; recorded elsewhere
	Rows     int64 `json:"rows"`     // rows of all tables, includes too; outside the balance
	Bytes    int64 `json:"bytes"`    // received from the source; outside the balance
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Read += other.Read
	c.Used += other.Used
	c.Folded += other.Folded
	c.Filtered += other.Filtered
	c.Orphaned += other.Orphaned
	c.Poison += other.Poison
	c.Rows += other.Rows
	c.Bytes += other.Bytes
}

// Balanced reports whether every input is accounted for.
func (c Counts) Balanced() bool {
	return c.Read == c.Used+c.Folded+c.Filtered+c.Orphaned+c.Poison
}

// Reset empties b and keeps its memory and its limit.
func (b *Batch) Reset() {
	clear(b.Records) // headers and outgrown arenas must not outlive their batch
	*b = Batch{Records: b.Records[:0], Data: b.Data[:0], Limit: b.Limit, Offsets: OffsetSpan{Gaps: b.Offsets.Gaps[:0]}}
}

// Full reports whether the batch has reached its limit.
func (b *Batch) Full() bool { return b.Limit > 0 && len(b.Data) >= b.Limit }

// Hold copies p into the batch's arena and returns the copy, capped so that an
// append to it cannot run over a neighbour.
func (b *Batch) Hold(p []byte) []byte {
	start := len(b.Data)
	b.Data = append(b.Data, p...)
	return slices.Clip(b.Data[start:])
}
