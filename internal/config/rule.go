package config

import (
	"fmt"
	"strings"
)

// shape of what a key takes.
type ruleKind int

const (
	object     ruleKind = iota // a mapping with known keys
	names                      // a mapping whose keys the user chooses
	list                       // a list
	words                      // text
	whole                      // a whole number
	flag                       // true or false
	duration                   // 10m
	size                       // 256MB
	percent                    // 20%
	secret                     // text that is never printed
	connection                 // a connection string, printed without its passwords
	choice                     // one of some words
	either                     // the first of several rules whose form fits
	anything                   // taken as it is
)

// rule says what a value may be. The rules form the grammar; the checks, the defaults,
// the JSON Schema and the list of effective values all follow it.
type rule struct {
	kind    ruleKind
	keys    []key    // object
	one     bool     // object: exactly one of its keys must be there
	plain   bool     // names: each fits plainName
	of      *rule    // names, list: each value
	any     []*rule  // either
	choices []option // choice
	min     int64    // whole, size, duration: smallest, of bytes or nanoseconds; list, names: fewest
	max     int64    // whole, size: largest; 0: any
	ref     string   // the rule's name in the schema, for one that holds itself
}

// key is one key of an object.
type key struct {
	name     string
	doc      string
	rule     *rule
	required bool
	def      string // default, as it would be written; "{}" for an object of defaults
	later    string // not in this version: what to write instead
}

// option is one word of a choice.
type option struct {
	word  string
	later string // not in this version: what to write instead
}

func (r *rule) key(name string) *key {
	for i := range r.keys {
		if r.keys[i].name == name {
			return &r.keys[i]
		}
	}
	return nil
}

func (r *rule) keyNames() []string {
	var all []string
	for _, k := range r.keys {
		if k.later == "" {
			all = append(all, k.name)
		}
	}
	return all
}

func (r *rule) words() []string {
	var all []string
	for _, o := range r.choices {
		if o.later == "" {
			all = append(all, o.word)
		}
	}
	return all
}

func (r *rule) needs() bool {
	for _, k := range r.keys {
		if k.required {
			return true
		}
	}
	return r.one
}

func (r *rule) fits(n *node) bool {
	switch r.kind {
	case object, names:
		return n.kind == mapping
	case list:
		return n.kind == sequence
	case anything:
		return n.kind == mapping
	case duration: // beside other scalars
		return n.scalar() && n.text != "" && strings.ContainsRune("0123456789+-.", rune(n.text[0]))
	case either:
		for _, some := range r.any {
			if some.fits(n) {
				return true
			}
		}
		return false
	default:
		return n.scalar()
	}
}

// inner gives the rule of a names' or a list's values.
func (r *rule) inner() *rule {
	if r.ref == "includes" {
		return includeRule()
	}
	return r.of
}

// hint says in words what a rule takes.
func (r *rule) hint() string {
	switch r.kind {
	case object, names, anything:
		return "a mapping"
	case list:
		return "a list"
	case words, secret, connection:
		return "text"
	case whole:
		return "a whole number"
	case flag:
		return "true or false"
	case duration:
		return "a duration like 30s or 10m"
	case size:
		return "a size like 64MB or 1GiB"
	case percent:
		return "a share like 20%"
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
	case (r.kind == secret || r.kind == connection) && n.scalar():
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
