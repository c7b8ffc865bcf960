// Package fence tells the writers of an index apart: each writes through an alias of its own,
// which is never made again, and taking it away shuts the writer out.
//
// A bulk request with require_alias is refused by the node that takes it when that node knows
// no such alias. What was taken before may be on its way to a shard, or wait in its queue, and
// is written all the same. So a process that takes an alias away has every node confirm it, and then
// waits for the bulk tasks that were running.
package fence
