package generation

import (
	"strconv"

	"humpty/sources"
)

// Offsets are positions as offsets alone, as people set consumer groups to them.
func Offsets(positions map[string]string) map[string]string {
	if positions == nil {
		return nil
	}
	all := make(map[string]string, len(positions))
	for id, at := range positions {
		all[id] = at
		if offset, err := sources.OffsetOf(sources.Position(at)); err == nil {
			all[id] = strconv.FormatInt(offset, 10)
		}
	}
	return all
}

// ParsePositions are the positions of a generation's meta.
func ParsePositions(was map[string]string) map[string]sources.Position {
	all := make(map[string]sources.Position, len(was))
	for id, at := range was {
		all[id] = sources.Position(at)
	}
	return all
}

// FormatPositions are as a generation's meta keeps them: where a later replay can go on.
func FormatPositions(fences map[string]sources.Position) map[string]string {
	if len(fences) == 0 {
		return nil
	}
	all := make(map[string]string, len(fences))
	for id, at := range fences {
		all[id] = string(at)
	}
	return all
}
