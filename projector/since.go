package projector

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"humpty/internal/problem"
	"humpty/sinks"
	"humpty/sources"
)

// since counts the events that logs got behind the positions that a generation is of, as
// far as positions are numbers. lost says which log ends before its position, or is gone:
// it was made anew, and what is in the generation cannot be told from it any more.
func since(was map[string]string, now map[string]sources.Position) (events int64, lost string) {
	for _, partition := range slices.Sorted(maps.Keys(was)) {
		from, err := strconv.ParseInt(was[partition], 10, 64)
		if err != nil {
			continue
		}
		at, there := now[partition]
		to, err := strconv.ParseInt(string(at), 10, 64)
		switch {
		case !there:
			return 0, fmt.Sprintf("%s is not there any more", partition)
		case err == nil && to < from:
			return 0, fmt.Sprintf("%s ends at %d, but the index has its events up to %d", partition, to, from)
		case err == nil:
			events += to - from
		}
	}
	return events, ""
}

// sameLogs refuses to repair by logs that are others than those the generation was made of:
// all that it has and they have not would be deleted.
func (f *fixing) sameLogs() error {
	fenced, ok := f.view.(sources.EndOffsets)
	was := f.generation.Meta.Positions
	if !ok || len(was) == 0 {
		return nil
	}
	events, lost := since(was, fenced.EndOffsets())
	if lost != "" {
		return &problem.Refusal{
			Why:    fmt.Sprintf("the topics are not those that %s was made of: %s. Were they made anew? Nothing was written", f.finding.Generation, lost),
			Remedy: fmt.Sprintf("look at what differs: humpty verify %s --generation %s\nif the topics are right as they are: humpty rebuild %[1]s", f.Projection.Name, f.finding.Generation),
		}
	}
	f.observer.Notice(fmt.Sprintf("the topics have %d events behind the positions of %s; they are read once from their start, and everything is compared", events, f.finding.Generation))
	return nil
}

// readFrom are the starts of partitions as a generation's meta keeps them.
func readFrom(starts map[string]sources.LogStart) map[string]string {
	if len(starts) == 0 {
		return nil
	}
	all := make(map[string]string, len(starts))
	for id, start := range starts {
		all[id] = string(start.Read)
	}
	return all
}

// startsPassed refuses to compare a generation with logs that have less than it was made
// from: what retention took since would be missing in what is expected, and documents that
// are right would count as stale. Of a generation that does not say where its logs were
// read from, only that nothing of it is left can be told.
func startsPassed(g sinks.Generation, now map[string]sources.LogStart) error {
	for _, partition := range slices.Sorted(maps.Keys(now)) {
		begins, err := strconv.ParseInt(string(now[partition].Begins), 10, 64)
		if err != nil {
			continue
		}
		what := "it was made from offset %d on"
		from, err := strconv.ParseInt(g.Meta.Starts[partition], 10, 64)
		if err != nil {
			what = "it has its events up to offset %d"
			from, err = strconv.ParseInt(g.Meta.Positions[partition], 10, 64)
		}
		if err == nil && begins > from {
			return &problem.Refusal{
				Why: fmt.Sprintf("partition %s begins at offset %d now, and %s cannot be compared with what is left: "+what+". Nothing was written",
					partition, begins, g.Name, from),
				Remedy: "restore the topic from where it is kept whole; or, if documents of what is left are right: humpty rebuild " + g.Meta.Projection,
			}
		}
	}
	return nil
}
