package postgres

import (
	"fmt"
	"slices"
	"strings"
)

// What nothing in the catalog makes sure is looked for while reading: a root whose key
// is NULL, or comes twice.

// checkNullKeys makes sure that no root was passed over because its key is NULL.
func (p *page) checkNullKeys() error {
	root := p.tree.root
	p.db.queue([]byte(root.nullKeys()))
	if err := p.db.flush(); err != nil {
		return err
	}
	row, err := p.db.row()
	if row != nil {
		err = fmt.Errorf("%s: a column of the key (%s) is NULL in a row\n    leave such rows out, or choose another id", root.rel.label, root.keyNames())
	}
	return err
}

// checkDuplicateKeys makes sure that no two roots behind lo, up to hi, have keys that are equal but
// written differently, as 1.0 and 1.00: the next page would begin behind both of them.
func (p *page) checkDuplicateKeys(lo, hi []string) error {
	root := p.tree.root
	if !p.tree.keyNotProvenUnique || !slices.ContainsFunc(root.key, func(k keyColumn) bool { return k.raw < 0 }) {
		return nil
	}
	s := root.duplicateKeys()
	p.db.queue(s.between(nil, lo, hi, 1))
	if err := p.db.flush(); err != nil {
		return err
	}
	row, err := p.db.row()
	if row == nil || err != nil {
		return err
	}
	key := make([]span, len(root.key))
	if err := splitRow(row, key); err != nil {
		return err
	}
	var texts []string
	for _, k := range key {
		texts = append(texts, string(k.of(row)))
	}
	return fmt.Errorf("%s: the key %s comes twice, written differently but equal\n    make id unique: name more columns, or use distinct or group by, or cast it to text",
		root.rel.label, formatPosition(texts))
}

// duplicateKeys finds a key that several roots have.
func (n *node) duplicateKeys() statement {
	s := n.rootPages()
	keys := numbered("k", len(n.key))
	texts := make([]string, len(n.key))
	for i := range texts {
		texts[i] = fmt.Sprintf("min(k%d::text)", i)
	}
	s.head = fmt.Sprintf("%s%s from (select %s from %s where true", copyHead, strings.Join(texts, ", "), numbered("r.k", len(n.key)), n.body())
	s.tail = ") s group by " + keys + " having count(*) > 1"
	return s
}
