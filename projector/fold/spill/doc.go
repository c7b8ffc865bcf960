// Package spill keeps the events of a replay until their documents are made: in buckets by the
// hash of the key, in memory up to a limit and then in files. A [Reader] brings the events of
// a key together again.
package spill
