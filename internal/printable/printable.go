// Package printable makes text fit to be shown: what would command a terminal is made visible,
// and what must stay secret is hidden.
package printable

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text makes each character visible that a terminal would obey or that reorders what is
// read: controls (C0, C1, DEL), bidirectional formatting, and what is no UTF-8. Newlines and
// tabs stay. The escapes are JSON's, so that a line of JSON stays one.
func Text(s string) string { return visible(s, "\n\t") }

// Value is Text for a value within a line, e.g. the id of a document: one that has newlines,
// tabs or anything else to escape is quoted, so that it cannot look like a line of ours.
func Value(s string) string {
	if visible(s, "") == s {
		return s
	}
	return `"` + strings.ReplaceAll(visible(s, ""), `"`, `\"`) + `"`
}

func visible(s, allowed string) string {
	at := strings.IndexFunc(s, hostile)
	if at < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\ufffd`)
		case hostile(r) && !strings.ContainsRune(allowed, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// hostile tells what is not shown as it is: control characters (Unicode's Cc), the marks,
// embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX #9), the line
// and paragraph separators, and invalid UTF-8, which comes as utf8.RuneError.
func hostile(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0x9f || r == 0x061c || r == 0x200e || r == 0x200f ||
		r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == utf8.RuneError
}

// Command is a command as it is typed: its words, each as a shell takes it.
func Command(words ...string) string {
	quoted := make([]string, 0, len(words))
	for _, word := range words {
		quoted = append(quoted, Shell(word))
	}
	return strings.Join(quoted, " ")
}

// Shell is a word of a command as a shell takes it: quoted where it would mean more than
// itself.
func Shell(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return hostile(r) || strings.ContainsRune(" \"'\\$`;|&<>(){}[]*?!#~", r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
