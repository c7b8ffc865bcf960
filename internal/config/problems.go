package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

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

// Nearest returns the candidate that is most like word, or "" if none is close.
func Nearest(word string, candidates []string) string {
	best, found := (len(word)+2)/3+1, ""
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < best {
			best, found = d, c
		}
	}
	return found
}

// didYouMean is a remedy that names the nearest candidate, or all of them.
func didYouMean(word string, candidates []string) string {
	if near := Nearest(word, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(candidates) == 0 {
		return ""
	}
	return "known here: " + strings.Join(candidates, ", ")
}

// distance counts the insertions, deletions, replacements and swaps of neighbours
// that lead from a to b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([][]int, len(x)+1)
	for i := range row {
		row[i] = make([]int, len(y)+1)
		row[i][0] = i
	}
	for j := range row[0] {
		row[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[i][j] = min(row[i-1][j]+1, row[i][j-1]+1, row[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[i][j] = min(row[i][j], row[i-2][j-2]+1)
			}
		}
	}
	return row[len(x)][len(y)]
}
