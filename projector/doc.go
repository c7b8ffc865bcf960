// Package projector is the engine: it fills a fresh generation of a read model from its
// source, proves it, and lets the alias serve it. It knows no product: sources and
// targets come in through their contracts.
//
// The steps of a run are the table of contents: plan → create → capture → load → catch up →
// seal → verify → swap, one line a phase, and no phase calls another. What a phase consists of
// is in a folder of its own: [humpty/projector/load], [humpty/projector/catchup],
// [humpty/projector/verify] and what they stand on. What is done to a generation that is there
// stands above: [humpty/projector/repair] and [humpty/projector/follow]. Concurrency is in the
// engine and only here: readers pull batches within one budget of bytes, writers send them,
// every goroutine belongs to an errgroup of the function that waits for it.
//
// # What a run answers for
//
//   - Every record read ends in exactly one count of the [ledger.Ledger], every document sent in
//     exactly one verdict, or the run fails.
//   - The alias is touched once, after the gate: rejections within the limit, ledger
//     balanced, verification without a difference, nothing empty swapped over something full.
//   - A failure leaves the alias as it was, and the generation in place with its state and
//     reason in its meta, for diagnosis.
//   - What is refused for good is a dead letter with its body; one that cannot be written
//     stops the run before the swap.
//
// # Catch-up
//
// With an exported snapshot of tables at rest there is nothing to catch up with: the phase
// is there and empty. Under live writes it takes dirty keys, reads their documents again through
// sources.Lookup with versions above base, and settles them; the load and the swap stay
// as they are.
//
// How the swap is made depends on who writes besides: with WriterFreeze the old index is
// blocked, with WriterFollow only humpty writes and a follow.Projector takes over, with
// WriterHandover the application never stops: behind the swap documents are written only
// if they still are as they were seen before the source was read, and the run is over only
// when no write of ours is under way or without an answer, and no document that we wrote
// since has changed. internal/e2e/protocol has models of both, tried in every order of their steps.
package projector
