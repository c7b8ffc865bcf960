package config

// shape of what a key takes.
type ruleKind int

const (
	object   ruleKind = iota // a mapping with known keys
	names                    // a mapping whose keys the user chooses
	list                     // a list
	words                    // text
	whole                    // a whole number
	flag                     // true or false
	duration                 // 10m
	size                     // 256MB
	secret                   // text that is never printed
	dsn                      // a connection string, printed without its passwords
	choice                   // one of some words
	either                   // the first of several rules whose form fits
	anything                 // taken as it is
)

// rule says what a value may be. The rules form the grammar; the checks, the defaults,
// the JSON Schema and the list of effective values all follow it.
type rule struct {
	kind    ruleKind
	keys    []key    // object
	one     bool     // object: exactly one of its keys must be there
	of      *rule    // names, list: each value
	any     []*rule  // either
	choices []option // choice
	min     int64    // whole: smallest; list, names: fewest
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
