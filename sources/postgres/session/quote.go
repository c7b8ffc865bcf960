package session

import (
	"strconv"
	"strings"
)

// QuoteIdent quotes a name for SQL.
func QuoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// QuoteIdents quotes names for a list in SQL.
func QuoteIdents(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = QuoteIdent(n)
	}
	return strings.Join(out, ", ")
}

// QuoteLiteral quotes a text for SQL; standard_conforming_strings is on in our sessions.
func QuoteLiteral(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// ParseInt reads a number of the server's own output.
func ParseInt(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
