package config

import (
	"cmp"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strconv"

	"humpty/internal/problem"
)

// sorted puts problems in the order of the file's lines, those of other files behind.
func sorted(l problem.List) problem.List {
	slices.SortStableFunc(l, func(a, b problem.Problem) int {
		fileA, lineA, columnA := SplitPlace(a.Place)
		fileB, lineB, columnB := SplitPlace(b.Place)
		if fileA != fileB {
			return 0
		}
		return cmp.Or(cmp.Compare(lineA, lineB), cmp.Compare(columnA, columnB))
	})
	return l
}

// SplitPlace takes humpty.yaml:3:7 apart; line 0 means that the place has none.
func SplitPlace(place string) (file string, line, column int) {
	m := regexp.MustCompile(`^(.+?):(\d+)(?::(\d+))?$`).FindStringSubmatch(place)
	if m == nil {
		return place, 0, 0
	}
	line, _ = strconv.Atoi(m[2])
	column, _ = strconv.Atoi(m[3])
	return m[1], line, column
}

// plainCause leaves out the path that a file error repeats.
func plainCause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
