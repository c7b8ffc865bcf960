// Package fold makes documents of events: a [Source] stands between a source of events and
// the engine, which sees finished documents and works as it does for tables.
//
// # How it works
//
// Opening a view replays every partition to its end, in parallel. Each event is decoded
// once (what is unreadable becomes a [Letter] and is counted as poison) and put into one of
// 256 buckets by the hash of its key. Buckets stay in memory within a budget; beyond it the
// largest go to files, in sequence. Then buckets are read one after the other, in order of
// the hash: the events of a key are brought into order and folded in one go, so that only
// one document is being made at a time by each reader, however many there are. A bucket
// that does not fit is read in several passes over its file.
//
// # Order
//
// Events of one partition stay in its order, always. Between partitions and topics, events
// of one key are ordered by time, ties by topic (in the order the source was given), then
// partition, then offset; an event counts as no older than those before it in its
// partition, so clocks that step back cannot reorder a partition.
//
// # Counts
//
// The first event of a document is used, the others are folded; those of a document that
// was deleted are all folded. Poison, orphaned and filtered ones are counted as such, so
// the ledger balances in events on one side and in documents on the other.
package fold
