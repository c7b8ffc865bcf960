// Package bulk writes documents to one index: a [Writer] sends what has no verdict until it
// has one. rules.go is the list of what each answer means.
//
// An index is written through an alias of its own with require_alias, because a bulk request
// to an index that was deleted would create it again, empty and with a guessed mapping.
// While an outage lasts, the writers of an index wait at its recovery gate: one of them
// probes, and the first answer lets all of them through.
package bulk
