// Package sources is the contract between the engine and the systems of record.
//
// # Words
//
// A [Source] is a system of record as one projection sees it. It is split into
// partitions, each read in order by one reader: a key range of a table (a chunk)
// or a partition of a topic. A [Record] is one row, or one event, with its key.
// A [Position] says how far a partition was read; only the source understands it.
//
// # Tables and logs under one contract
//
// A table source gives finished documents: the record's value is the JSON of the
// document with all its includes, because joining in key order is what a table
// source does best. A log source gives events; the engine folds them per key.
// Both are read the same way:
//
//	source.Plan   → partitions and estimates; changes nothing
//	source.Open   → a View: an exported snapshot, or captured end offsets (the fence)
//	view.Read     → a Reader over one partition, from a position
//	reader.Next   → fills a batch, says the position after it, io.EOF at the end
//
// Pulling keeps memory with the engine: it owns the batches, and so the budget of
// bytes in flight; a reader never runs ahead of what it was asked for.
//
// # What comes on top of it
//
//   - Resume: a checkpoint is (partition id, position) once every verdict up to that
//     position is in; Read goes on behind it.
//   - Catch-up: a view that can re-read single keys implements [Lookup]; marks are
//     expanded to keys by the source, re-read by Lookup with the same code as the load,
//     and the snapshot each batch was read in ([Batch.Snapshot]) decides what is settled.
//   - Verification reads the same partitions again and hashes the values.
//   - Versions are the engine's, unless a record carries its own ([Record.Version]).
//
// Contracts are synchronous. A Source and a View may be used from several goroutines,
// a Reader and a Batch from one at a time.
package sources
