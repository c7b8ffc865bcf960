// Package spelling tells how a target spells a definition from what was changed in an index. A
// target drops what is its default, writes names with dots as objects, and texts as lists. What
// it made of a definition when the index was new and empty is its spelling; what differs
// from that later is drift.
package spelling
