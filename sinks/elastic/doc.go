// Package elastic writes to Elasticsearch 8 and 9 and OpenSearch 2 and 3 by one code path.
//
// A [Target] is composed of what it is made of: the catalog of generations, the switch of
// the alias, leases, write blocks, snapshots, a load probe. An index that it opens is composed
// likewise: a writer (package bulk), a reader of all documents (package scan), what the index
// knows about itself, the lifecycle of its settings. All of them speak to one cluster (package
// transport, whose product.go names what differs between the servers).
//
// # Settings
//
// Create puts the load's settings over the user's and writes what the user wants into a
// journal in the index's _meta ([sinks.Meta].PendingSettings). Seal works the journal off, so any
// later run can do it too. gc_deletes stays at 24 h until the generation is live, since a
// late write of the load must not bring a deleted document back; a Seal of a live
// generation restores it.
//
// Create can put the generation on nodes with given attributes, for the load only; Seal
// moves it, and merges its segments if asked to, before it waits for the copies. Pipelines
// and lifecycle policies that would change documents or indices are refused.
//
// With no copies and a translog that is written behind, a node that dies takes confirmed
// writes with it. At the end of the load and of each round, and by Seal after it has flushed,
// the shards' primary terms are compared with those of a fresh index, and their histories
// with those at the last look; it is a [sinks.ErrWritesLost] if one has changed. Shards that have no
// node for longer than Config.UnassignedTimeout end a Write, with the cluster's reason.
//
// # Rights
//
// [Target.Permitted] asks Elasticsearch what the account may do, and Create refuses before it
// makes an index; rights.go has the list. OpenSearch's security has no such question.
//
// # Leases
//
// The lease of an alias is a document in the hidden index humpty-leases, changed by
// compare-and-set. Expiry is judged by the clock of who wants to take over: clocks must
// agree to within the lease's time, and a holder must stop when it could not renew in it.
package elastic
