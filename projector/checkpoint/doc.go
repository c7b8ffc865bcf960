// Package checkpoint keeps what a run needs after a crash, durably and in one store: the keys
// that are dirty because their rows changed, the position of the change stream behind them, the
// counter that versions come from (Store), and which partitions are done and what each of the
// run's processes did (Journal).
//
// # The rules it keeps
//
//   - The marks of a transaction and the feed's position behind it are stored in one
//     atomic, synced step; only then may the feed be acknowledged.
//   - A mark remembers each change as (sequence, transaction). Settling is
//     compare-and-delete: it takes away the changes that were there when the round began
//     and that the read saw, and no others. A mark without changes is gone.
//   - Versions are handed out in growing order and never twice, also after a crash.
//
// The protocol, and experiments that show what breaks without each rule, are described
// with the engine's catch-up.
package checkpoint
