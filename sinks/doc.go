// Package sinks is the contract between the engine and what documents are written to.
//
// # Words
//
// A [Target] manages an alias and its generations; a generation is one concrete index
// behind the alias. An [Index] is one generation opened for work, and the part of it
// that takes documents is the [Sink]: one verdict for each document, always.
//
// # States of a generation
//
//	creating → loading → catching-up → sealed → verified → live → retired → dropped
//	                 └────────────┴─ failed (kept for diagnosis; prune drops it)
//
// The state, the run, the definition's hash, the settings to restore and the positions
// are kept in the index itself ([Meta], under _meta.humpty), so that they survive the
// machine that ran the rebuild and travel in a snapshot of the index.
//
// # Versions
//
// Every write carries a version and is taken when it is at least the stored one
// (external_gte): a retry of the same attempt is accepted, a late attempt of an older
// one is superseded. Versions are the only defence against attempts that go on in the
// server after their client gave up.
//
//	base        = epoch << 40            chunk writes of the load
//	base + n                             catch-up, n from a durable counter taken before the read
//	the column's value                   where the definition has `version: column`: of its row
//
// The version of a row is the same in every generation, so an application may write with it, too;
// a deletion carries the version that the index had. The epoch of a generation is one more than the largest in any generation's Meta and
// in the lease ([Leases]).
//
// # Guards
//
// What the alias will look like is computed from a [Survey] by [Survey.SwapTo] as a
// value ([AliasChange]), printed, tested and then applied in one call by [Target.Swap],
// which re-reads the alias before it returns.
package sinks
