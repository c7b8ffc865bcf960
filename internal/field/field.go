// Package field says what a document has, before there is one: its fields, what each is in JSON,
// and what it is made of. A source tells it, a target holds its mapping against it.
package field

// Field is one field of a document, or of an object in one.
type Field struct {
	Name   string // may have dots
	Kind   Kind
	Of     string  // what it is made of, for messages: shop.orders.total, pg_catalog.numeric
	Place  string  // where the user wrote it: humpty.yaml:31:7
	Fields []Field // of an object, as far as they are known
}

// Kind is what a field is in JSON; an array is what its elements are.
type Kind string

// The kinds. A field may be null whatever its kind.
const (
	Any      Kind = "" // not known, or changing
	Text     Kind = "a text"
	Date     Kind = "a date"
	Whole    Kind = "a whole number"
	Fraction Kind = "a number with digits behind the point"
	Boolean  Kind = "true or false"
	Object   Kind = "an object"
)
