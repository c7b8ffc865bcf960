package read

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// maxID is the bytes that Elasticsearch and OpenSearch take for an id.
const maxID = 512

// rootList is what the documents of a page are called.
type rootList struct {
	tree   *query.Tree
	keys   keyset     // the root's keys, where an include is read by range
	metas  []rootMeta // of each root
	texts  []byte     // what they point into
	single bool       // the roots were looked up by key: not all keys in their range are here

	text, scratch []byte
}

// rootMeta is what a document is called.
type rootMeta struct {
	id, routing, position session.Span // in texts; routing may be null
	version               int64
	reject                string
}

func (l *rootList) reset() {
	clear(l.metas)
	l.keys.reset()
	l.metas, l.texts = l.metas[:0], l.texts[:0]
}

func (l *rootList) id(i int) []byte       { return l.metas[i].id.Of(l.texts) }
func (l *rootList) position(i int) []byte { return l.metas[i].position.Of(l.texts) }

// add notes the id, routing, version and position of a root.
func (l *rootList) add(row []byte, own []session.Span) (err error) {
	root := l.tree.Root
	var h rootMeta
	if l.tree.UsesRootKey {
		key := l.key(root, row, own)
		spelled := l.single && slices.ContainsFunc(root.Key, func(k query.KeyColumn) bool { return k.Raw < 0 }) // several keys may ask for one row
		if n := l.keys.add(key); int(n) != len(l.metas) && !spelled {
			return fmt.Errorf("%s: the key is not unique: a row comes twice", root.Relation.Label)
		}
	}
	if h.id, err = l.joined(root.ID, row, own); err != nil {
		return err
	}
	if h.routing, err = l.joined(root.Routing, row, own); err != nil {
		return err
	}
	start := len(l.texts)
	l.texts = append(l.texts, '[')
	for i, k := range root.Key {
		f := own[k.Col]
		if f.Null() {
			return fmt.Errorf("%s: a column of the key (%s) is NULL in a row\n    leave such rows out, or choose another id", root.Relation.Label, root.KeyNames())
		}
		if i > 0 {
			l.texts = append(l.texts, ',')
		}
		if l.text, err = k.Text(l.text[:0], f.Of(row)); err != nil {
			return err
		}
		l.texts = pgjson.AppendString(l.texts, l.text)
	}
	l.texts = append(l.texts, ']')
	h.position = session.Span{At: int32(start), Size: int32(len(l.texts) - start)}
	if n := len(l.metas); l.tree.KeyNotProvenUnique && !l.single && n > 0 && bytes.Equal(h.position.Of(l.texts), l.metas[n-1].position.Of(l.texts)) {
		return fmt.Errorf("%s: the key %s comes twice\n    make id unique: name more columns, or use distinct or group by", root.Relation.Label, h.position.Of(l.texts))
	}
	switch {
	case h.id.Null():
		return fmt.Errorf("%s: the id is NULL in a row", root.Relation.Label)
	case h.id.Size == 0:
		h.reject = "its id is empty, which no index takes"
	case h.id.Size > maxID:
		h.reject = fmt.Sprintf("its id has %d bytes; an index takes at most %d", h.id.Size, maxID)
	}
	if root.Version >= 0 {
		if h.version, err = version(own[root.Version], row); err != nil {
			h.reject = fmt.Sprintf("column %s: %v", root.Cols[root.Version].Label, err)
		}
	}
	l.metas = append(l.metas, h)
	return nil
}

// key is the root's key of a row, as keys has it.
func (l *rootList) key(root *query.RootNode, row []byte, own []session.Span) []byte {
	if len(root.Key) == 1 {
		return own[root.Key[0].Col].Of(row)
	}
	l.scratch = l.scratch[:0]
	for _, k := range root.Key {
		l.scratch = appendPart(l.scratch, own[k.Col].Of(row))
	}
	return l.scratch
}

// joined is the text of several columns as one id: see the package postgres. NULL if any part is.
func (l *rootList) joined(columns []query.KeyColumn, row []byte, own []session.Span) (session.Span, error) {
	start := len(l.texts)
	for i, k := range columns {
		f := own[k.Col]
		if f.Null() {
			l.texts = l.texts[:start]
			return session.Span{Size: -1}, nil
		}
		if len(columns) == 1 {
			var err error
			l.texts, err = k.Text(l.texts, f.Of(row))
			return session.Span{At: int32(start), Size: int32(len(l.texts) - start)}, err
		}
		var err error
		if l.text, err = k.Text(l.text[:0], f.Of(row)); err != nil {
			return session.Span{}, err
		}
		l.texts = query.AppendIDPart(l.texts, l.text, i == 0)
	}
	if len(columns) == 0 {
		return session.Span{Size: -1}, nil
	}
	return session.Span{At: int32(start), Size: int32(len(l.texts) - start)}, nil
}

func version(f session.Span, row []byte) (int64, error) {
	if f.Null() {
		return 0, errors.New("the version is NULL")
	}
	return pgjson.VersionOf(f.Of(row))
}
