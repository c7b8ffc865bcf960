package page

import (
	"fmt"
	"strings"
)

// The markers between which a page quotes the table.
const (
	Begin = "<!-- bench: begin, written by `go run ./bench report` -->"
	End   = "<!-- bench: end -->"
)

// Quote puts the table between the markers of a page.
func Quote(text, table string) (string, error) {
	before, _, after, err := split(text)
	if err != nil {
		return "", err
	}
	return before + Begin + "\n" + table + End + after, nil
}

// Quoted is what a page has between the markers.
func Quoted(text string) (string, error) {
	_, quoted, _, err := split(text)
	return quoted, err
}

func split(text string) (before, quoted, after string, err error) {
	before, rest, ok := strings.Cut(text, Begin)
	if !ok {
		return "", "", "", fmt.Errorf("the page has no line %s: put it where the table belongs, and %s below it", Begin, End)
	}
	quoted, after, ok = strings.Cut(rest, End)
	if !ok {
		return "", "", "", fmt.Errorf("the page has no line %s below %s", End, Begin)
	}
	return before, strings.TrimPrefix(quoted, "\n"), after, nil
}
