// Package projector is the engine: it fills a fresh generation of a read model from its
// source, proves it, and lets the alias serve it. It knows no product: sources and
// targets come in through their contracts.
//
// [Rebuild.Run] is the table of contents: plan → create → load → catch up → seal →
// verify → swap, one line a phase, and no phase calls another. Concurrency is here and
// only here: readers pull batches within one budget of bytes, writers send them, every
// goroutine belongs to an errgroup of the function that waits for it.
//
// # What a run answers for
//
//   - Every record read ends in exactly one count of the [Ledger], every document sent in
//     exactly one verdict, or the run fails.
//   - The alias is touched once, after the gate: rejections within the limit, ledger
//     balanced, verification without a difference, nothing empty swapped over something full.
//   - A failure leaves the alias as it was, and the generation in place with its state and
//     reason in its meta, for diagnosis.
//   - What is refused for good is a dead letter with its body; one that cannot be written
//     stops the run before the swap.
//
// # Pace
//
// A load begins with 4 requests in flight, adds one as long as that pays, and takes a
// quarter away when the target refuses some, or when a node holds three quarters of the
// writes that it can (asked each second). Requests that take more than 2 s get smaller. A
// number at which the target refused some is tried again only after 200 requests for each
// that was refused, and after twice as many, up to eight times, when it is full again.
// A load that goes on after an outage begins with the number that it had come to, and
// with requests of that size; a server that is away is asked each second, and what was
// sent to it in vain does not count against a limit on bytes a second.
//
// Limits.Brake is about those who search meanwhile. Ten times a second a search for one
// document through the alias is timed, from the call to the answer, the network and this
// machine's own load included. When a percentile of what was seen since the pace changed
// last, of ten seconds at most, is above its limit, a quarter of the requests goes, and
// when one is left, a quarter of the bytes a second. They come back one by one when all
// percentiles have been below four fifths of their limits for five seconds. While marks are
// caught up with, in the rounds, in a verification, before and behind the swap and in
// [Follow], it acts on the documents written then, four requests at once to begin with;
// verification itself it does not slow. Every decision is in Record.Pace, with its phase.
//
// # Catch-up
//
// With an exported snapshot of tables at rest there is nothing to catch up with: the phase
// is there and empty. Under live writes it takes marks, re-reads their keys through
// sources.Lookup with versions above base, and settles them; the load and the swap stay
// as they are.
//
// How the swap is made depends on who writes besides: with WriterFreeze the old index is
// blocked, with WriterFollow nobody does and [Follow] goes on afterwards, with
// WriterHandover the application never stops: behind the swap documents are written only
// if they still are as they were seen before the source was read, and the run is over only
// when no write of ours is under way or without an answer, and no document that we wrote
// since has changed. internal/e2e/protocol has models of both, tried in every order of their steps.
package projector
