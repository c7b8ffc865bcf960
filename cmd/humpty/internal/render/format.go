// Package render writes records, findings and surveys for people.
package render

import (
	"fmt"
	"strings"
	"time"

	"humpty/internal/ui"
)

// Chunks is a number of chunks.
func Chunks(n int) string {
	if n == 1 {
		return "1 chunk"
	}
	return ui.Count(int64(n)) + " chunks"
}

// Known is a number that may be unknown.
func Known(n int64, format func(int64) string) string {
	if n < 0 {
		return "?"
	}
	return format(n)
}

// Age is how long ago something was.
func Age(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	d := time.Since(t)
	if d > 48*time.Hour {
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	}
	return ui.Time(d)
}

// FirstLine is a text in one line.
func FirstLine(s string) string {
	if first, _, more := strings.Cut(strings.TrimSpace(s), "\n"); more {
		return fmt.Sprintf("%s …", first)
	}
	return strings.TrimSpace(s)
}

// Indent puts the further lines of a text below its first one, behind the name of a field.
func Indent(s string) string { return strings.ReplaceAll(s, "\n", "\n             ") }
