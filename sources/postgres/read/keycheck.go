package read

import (
	"fmt"
	"slices"

	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// What nothing in the catalog makes sure is looked for while reading: a root whose key
// is NULL, or comes twice.

// checkNullKeys makes sure that no root was passed over because its key is NULL.
func checkNullKeys(db *session.Session, root *query.RootNode) error {
	db.Queue([]byte(root.NullKeys()))
	if err := db.Flush(); err != nil {
		return err
	}
	row, err := db.Row()
	if row != nil {
		err = fmt.Errorf("%s: a column of the key (%s) is NULL in a row\n    leave such rows out, or choose another id", root.Relation.Label, root.KeyNames())
	}
	return err
}

// checkDuplicateKeys makes sure that no two roots behind lo, up to hi, have keys that are equal but
// written differently, as 1.0 and 1.00: the next page would begin behind both of them.
func checkDuplicateKeys(db *session.Session, t *query.Tree, lo, hi []string) error {
	root := t.Root
	if !t.KeyNotProvenUnique || !slices.ContainsFunc(root.Key, func(k query.KeyColumn) bool { return k.Raw < 0 }) {
		return nil
	}
	s := root.DuplicateKeys()
	db.Queue(s.Between(nil, lo, hi, 1))
	if err := db.Flush(); err != nil {
		return err
	}
	row, err := db.Row()
	if row == nil || err != nil {
		return err
	}
	key := make([]session.Span, len(root.Key))
	if err := session.SplitRow(row, key); err != nil {
		return err
	}
	var texts []string
	for _, k := range key {
		texts = append(texts, string(k.Of(row)))
	}
	return fmt.Errorf("%s: the key %s comes twice, written differently but equal\n    make id unique: name more columns, or use distinct or group by, or cast it to text",
		root.Relation.Label, query.FormatKey(texts))
}
