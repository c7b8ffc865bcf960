package sources

// Shape is what a document looks like: a root and a tree of includes, as written
// in the config, not yet held against a catalog. A root is a Shape without Name.
type Shape struct {
	Name  string // the field that holds it in its parent
	Place string // where it is written: humpty.yaml:31:7

	From    string // table, schema-qualified if need be, or topic; without the source's name
	Query   string // any SELECT instead of a table
	Columns []Column
	Where   string // SQL condition on this table's columns; a row that fails it is not there

	On      []Join   // how rows find their parent; empty for the root
	Through *Through // the join table of a many-to-many include
	One     bool     // an object or null; otherwise Many
	Many    bool     // an array, empty if there is nothing
	OrderBy []Order  // of a many; its key where empty
	Values  string   // an array of this column's values instead of objects
	Flatten bool     // a one's columns become fields of the parent

	ID      []string // root: columns of the document's id; the primary key where empty
	Routing []string // root: columns of the routing
	Version string   // root: the column of `version: column`

	Include []Shape
}

// Column is one field of a document: a column as it is, renamed, or an expression.
type Column struct {
	Field string // empty with Expr "*": all columns
	Expr  string // a column's name, "*", or an SQL expression over this table
	Plain bool   // Expr is a column's name, to be held against the catalog
	Place string
}

// Join is one pair of an include's condition: Child = Parent.
type Join struct {
	Child  string // column of the include's table
	Parent string // column of the parent's table
	Place  string
}

// Through is the table between the two sides of a many-to-many include:
// parent ← Parent pairs → join table ← On pairs → child.
type Through struct {
	From   string
	Parent []Join // Child: column of the join table; Parent: column of the parent
	Where  string
	Place  string
}

// Order is one column of an order_by.
type Order struct {
	Column string
	Desc   bool
	Place  string
}
