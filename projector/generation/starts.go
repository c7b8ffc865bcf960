package generation

import (
	"fmt"
	"maps"
	"slices"

	"humpty/internal/problem"
	"humpty/sinks"
	"humpty/sources"
)

// FormatStarts are the starts of partitions as a generation's meta keeps them.
func FormatStarts(starts map[string]sources.LogStart) map[string]string {
	if len(starts) == 0 {
		return nil
	}
	all := make(map[string]string, len(starts))
	for id, start := range starts {
		all[id] = string(start.Read)
	}
	return all
}

// CheckStarts refuses to compare a generation with logs that have less than it was made
// from: what retention took since would be missing in what is expected, and documents that
// are right would count as stale. Of a generation that does not say where its logs were
// read from, only that nothing of it is left can be told.
func CheckStarts(g sinks.Generation, now map[string]sources.LogStart) error {
	for _, partition := range slices.Sorted(maps.Keys(now)) {
		begins, err := sources.OffsetOf(now[partition].Begins)
		if err != nil {
			continue
		}
		what := "it was made from offset %d on"
		from, err := sources.OffsetOf(sources.Position(g.Meta.Starts[partition]))
		if err != nil {
			what = "it has its events up to offset %d"
			from, err = sources.OffsetOf(sources.Position(g.Meta.Positions[partition]))
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
