package elastic

import (
	"strings"
	"unicode/utf8"

	"humpty/sinks/elastic/transport"
)

const (
	generationSuffix = len("-20061102t150405")
	loadSuffix       = "-load"
)

// CheckName says which rule of Elasticsearch and OpenSearch a name for an alias breaks,
// also as the beginning of its generations' names.
func CheckName(alias string) error {
	rule := ""
	switch {
	case alias == "":
		rule = "must not be empty"
	case !utf8.ValidString(alias):
		rule = "must be UTF-8"
	case alias == "." || alias == "..":
		rule = "must not be . or .."
	case strings.ToLower(alias) != alias:
		rule = "must be lower case: " + strings.ToLower(alias)
	case strings.ContainsAny(alias, forbidden):
		at := strings.IndexAny(alias, forbidden)
		rule = "must not contain " + strings.ReplaceAll(alias[at:at+1], " ", "a space") + ` (none of \ / * ? " < > | , # : and space)`
	case strings.ContainsFunc(alias, func(r rune) bool { return r < ' ' }):
		rule = "must not contain control characters"
	case strings.ContainsRune("-_+", rune(alias[0])):
		rule = "must not begin with - _ or +"
	case len(alias) > 255-generationSuffix-len(loadSuffix):
		rule = "is too long: with the time that is added to it the index's name would have more than 255 bytes"
	}
	if rule == "" {
		return nil
	}
	return transport.BadConfigf("choose another alias", "%q cannot be the name of an index: it %s", alias, rule)
}

const forbidden = "\\/*?\"<>| ,#:"
