package config

import (
	"fmt"
	"strings"
)

// hint says in words what a rule takes.
func (r *rule) hint() string {
	switch r.kind {
	case object, names, anything:
		return "a mapping"
	case list:
		return "a list"
	case words, secret, dsn:
		return "text"
	case whole:
		return "a whole number"
	case flag:
		return "true or false"
	case duration:
		return "a duration like 30s or 10m"
	case size:
		return "a size like 64MB or 1GiB"
	case choice:
		return "one of " + strings.Join(r.words(), ", ")
	case either:
		var all []string
		for _, some := range r.any {
			all = append(all, some.hint())
		}
		return strings.Join(all, " or ")
	default:
		return "a value"
	}
}

// remedy says what to write instead of n.
func (r *rule) remedy(n *node) string {
	switch {
	case n.kind == null:
		return "give it a value, or leave the key out"
	case (r.kind == secret || r.kind == dsn) && n.scalar():
		return "put it in quotes"
	case r.kind == words && n.scalar():
		return fmt.Sprintf("put it in quotes: %q", n.text)
	case r.kind == flag && strings.EqualFold(n.text, "yes"), r.kind == flag && strings.EqualFold(n.text, "on"):
		return "write true"
	case r.kind == flag && strings.EqualFold(n.text, "no"), r.kind == flag && strings.EqualFold(n.text, "off"):
		return "write false"
	case r.kind == choice:
		return didYouMean(n.text, r.words())
	case r.kind == duration && n.kind == integer:
		return fmt.Sprintf("say the unit: %ss or %sm", n.text, n.text)
	case r.kind == list && n.scalar():
		return "put it in brackets: [" + n.text + "]"
	}
	return "write " + r.hint()
}
