package postgres

import (
	"fmt"
	"slices"

	"humpty/sources/postgres/session"
)

// What nothing in the catalog makes sure is looked for while reading: a root whose key
// is NULL, or comes twice.

// checkNullKeys makes sure that no root was passed over because its key is NULL.
func checkNullKeys(db *session.Session, root *rootNode) error {
	db.Queue([]byte(root.nullKeys()))
	if err := db.Flush(); err != nil {
		return err
	}
	row, err := db.Row()
	if row != nil {
		err = fmt.Errorf("%s: a column of the key (%s) is NULL in a row\n    leave such rows out, or choose another id", root.rel.label, root.keyNames())
	}
	return err
}

// checkDuplicateKeys makes sure that no two roots behind lo, up to hi, have keys that are equal but
// written differently, as 1.0 and 1.00: the next page would begin behind both of them.
func checkDuplicateKeys(db *session.Session, t *tree, lo, hi []string) error {
	root := t.root
	if !t.keyNotProvenUnique || !slices.ContainsFunc(root.key, func(k keyColumn) bool { return k.raw < 0 }) {
		return nil
	}
	s := root.duplicateKeys()
	db.Queue(s.between(nil, lo, hi, 1))
	if err := db.Flush(); err != nil {
		return err
	}
	row, err := db.Row()
	if row == nil || err != nil {
		return err
	}
	key := make([]session.Span, len(root.key))
	if err := session.SplitRow(row, key); err != nil {
		return err
	}
	var texts []string
	for _, k := range key {
		texts = append(texts, string(k.Of(row)))
	}
	return fmt.Errorf("%s: the key %s comes twice, written differently but equal\n    make id unique: name more columns, or use distinct or group by, or cast it to text",
		root.rel.label, formatPosition(texts))
}
