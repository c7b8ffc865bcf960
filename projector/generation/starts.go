package generation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"humpty/internal/printable"
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

// checkStarts refuses to compare a generation with logs that have less than it was made
// from: what retention took since would be missing in what is expected, and documents that
// are right would count as stale. Of a generation that does not say where its logs were
// read from, only that nothing of it is left can be told.
func checkStarts(g sinks.Generation, now map[string]sources.LogStart) error {
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
				Remedy: "restore the topic from where it is kept whole; or, if documents of what is left are right, add accept_truncated: true beside from, unless it is there, and then: " + printable.Command("humpty", "rebuild", g.Meta.Projection),
			}
		}
	}
	return nil
}

// CheckLogs refuses to compare a generation with logs that lack what it was made of: what
// retention took, and other logs under the same names. notice is told what could not be found
// out.
func CheckLogs(ctx context.Context, g sinks.Generation, source sources.Source, starts map[string]sources.LogStart, notice func(string)) error {
	if err := checkStarts(g, starts); err != nil {
		return err
	}
	checker, ok := source.(sources.PositionChecker)
	if !ok || len(g.Meta.Positions) == 0 {
		return nil
	}
	note, err := checker.CheckPositions(ctx, ParsePositions(g.Meta.Positions))
	var gap *sources.ErrChangesLost
	switch {
	case errors.As(err, &gap):
		return &problem.Refusal{
			Why:    fmt.Sprintf("the topics are not those that %s was made of: %s. Nothing was written", g.Name, gap.Why),
			Remedy: "if the topics are right as they are: " + printable.Command("humpty", "rebuild", g.Meta.Projection),
		}
	case err != nil:
		return fmt.Errorf("ask whether the topics are those that %s was made of: %w", g.Name, err)
	case note != "":
		notice(g.Name + ": " + note)
	}
	return nil
}

// CheckEnds refuses to make a generation right by logs that are others than those it was made
// of: all that it has and they have not would be deleted. events is how many lie behind its
// positions, as far as positions are numbers.
func CheckEnds(g sinks.Generation, now map[string]sources.Position) (events int64, err error) {
	for _, partition := range slices.Sorted(maps.Keys(g.Meta.Positions)) {
		from, err := sources.OffsetOf(sources.Position(g.Meta.Positions[partition]))
		if err != nil {
			continue
		}
		lost := ""
		at, there := now[partition]
		to, err := sources.OffsetOf(at)
		switch {
		case !there:
			lost = partition + " is not there any more"
		case err == nil && to < from:
			lost = fmt.Sprintf("%s ends at %d, but the index has its events up to %d", partition, to, from)
		case err == nil:
			events += to - from
		}
		if lost != "" {
			return 0, &problem.Refusal{
				Why:    fmt.Sprintf("the topics are not those that %s was made of: %s. Were they made again? Nothing was written", g.Name, lost),
				Remedy: fmt.Sprintf("look at what differs: humpty verify %s --generation %s\nif the topics are right as they are: humpty rebuild %[1]s", printable.Shell(g.Meta.Projection), printable.Shell(g.Name)),
			}
		}
	}
	return events, nil
}
