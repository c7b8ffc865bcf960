package join

import (
	"bytes"
	"context"
	"fmt"

	"humpty/internal/printable"
	"humpty/internal/rawjson"
	"humpty/sources"
)

// joiner splices includes into the documents of a batch. It is used by one goroutine.
type joiner struct {
	view *view
	from []byte // the documents of the batch before the present include
	into []byte // and with it

	numbers   map[string]int32 // of the keys of the present include
	keys      [][]byte
	places    []int32 // number of the key of each place, in order of the walk; -1: none
	found     []found
	foundData []byte // what was found
	key       []byte
	docLinks  []docLink // of a live view: the keys of each document
}

// docLink is a document with one of the keys of the present include.
type docLink struct {
	key int32
	id  []byte
}

type found struct {
	start, end int
	present    bool
	reject     string
}

func (v *view) newJoiner() *joiner { return &joiner{view: v, numbers: map[string]int32{}} }

// document is one of the batch on its way.
type document struct {
	start, end int // in from
	record     int
}

// batch appends the records of in to b, with their includes.
func (j *joiner) batch(ctx context.Context, in, b *sources.Batch) error {
	j.from = j.from[:0]
	var docs []document
	for i := range in.Records {
		if r := &in.Records[i]; r.Value != nil {
			start := len(j.from)
			j.from = append(j.from, r.Value...)
			docs = append(docs, document{start, len(j.from), i})
		}
	}
	rejects := map[int]string{}
	snapshot := in.Snapshot
	for i := range j.view.source.Includes {
		one, err := j.include(ctx, i, docs, in, rejects)
		if err != nil {
			return fmt.Errorf("include %s: %w", j.view.source.Includes[i].path(), err)
		}
		if j.view.links != nil {
			snapshot = intersect(snapshot, one)
		}
	}
	next := 0
	for i, r := range in.Records {
		r.Key = b.Hold(r.Key)
		if r.Routing != nil {
			r.Routing = b.Hold(r.Routing)
		}
		if next < len(docs) && docs[next].record == i {
			r.Value = b.Hold(j.from[docs[next].start:docs[next].end])
			next++
		}
		if why, rejected := rejects[i]; rejected {
			r.Value, r.Reject = nil, why
		}
		b.Records = append(b.Records, r)
	}
	b.Counts.Add(in.Counts)
	b.Position, b.Snapshot, b.Partition = in.Position, snapshot, in.Partition
	return nil
}

// include splices one include into all documents.
func (j *joiner) include(ctx context.Context, number int, docs []document, in *sources.Batch, rejects map[int]string) (sources.TxSnapshot, error) {
	include := &j.view.source.Includes[number]
	clear(j.numbers)
	j.keys, j.places, j.found, j.foundData, j.docLinks = j.keys[:0], j.places[:0], j.found[:0], j.foundData[:0], j.docLinks[:0]
	for _, d := range docs {
		if err := j.collect(include, j.from[d.start:d.end], include.At, in.Records[d.record].Key); err != nil {
			return sources.TxSnapshot{}, err
		}
	}
	if err := j.addLinks(number); err != nil {
		return sources.TxSnapshot{}, err
	}
	for range j.keys {
		j.found = append(j.found, found{})
	}
	snapshot, err := j.view.finders[number].find(ctx, j.keys, func(i int, doc []byte, reject string) {
		f := &j.found[i]
		if f.reject = reject; reject != "" {
			return
		}
		if include.Rows != "" {
			if doc = rawjson.Get(doc, include.Rows); doc == nil {
				return
			}
		}
		f.present, f.start = true, len(j.foundData)
		j.foundData = append(j.foundData, doc...)
		f.end = len(j.foundData)
	})
	if err != nil {
		return snapshot, err
	}
	j.into = j.into[:0]
	place := 0
	for i := range docs {
		d := &docs[i]
		start := len(j.into)
		reject := ""
		j.splice(include, j.from[d.start:d.end], include.At, &place, &reject)
		d.start, d.end = start, len(j.into)
		if reject != "" {
			rejects[d.record] = fmt.Sprintf("include %s: %s", include.path(), reject)
		}
	}
	j.from, j.into = j.into, j.from
	return snapshot, nil
}

// addLinks remembers which documents are read with which keys, before what these find is read.
func (j *joiner) addLinks(number int) error {
	if j.view.links == nil {
		return nil
	}
	all := make([]keyLink, 0, len(j.docLinks))
	parts := max(len(j.view.source.Includes[number].Parent), 1)
	for _, l := range j.docLinks {
		all = append(all, keyLink{looseKey(j.keys[l.key], parts), l.id})
	}
	return linkTable{j.view.links, uint16(3 * number)}.add(all)
}

// collect numbers the keys of all places of an include in one document.
func (j *joiner) collect(in *Include, v []byte, at []string, id []byte) error {
	switch {
	case rawjson.Kind(v) == '[':
		for w := rawjson.Into(v); w.Next(); {
			if err := j.collect(in, w.Value, at, id); err != nil {
				return err
			}
		}
		return nil
	case rawjson.Kind(v) != '{':
		return nil
	case len(at) > 0:
		for w := rawjson.Into(v); w.Next(); {
			if rawjson.NameIs(w.Name, at[0]) {
				if err := j.collect(in, w.Value, at[1:], id); err != nil {
					return err
				}
			}
		}
		return nil
	}
	j.key = j.key[:0]
	if len(in.Parent) == 0 {
		j.key = append(j.key, id...)
	}
	for i, path := range in.Parent {
		value := rawjson.Get(v, path...)
		if value == nil && in.Strict {
			return fmt.Errorf("document %s has no field %s, by which it is found", printable.Value(string(id)), path[len(path)-1])
		}
		var ok bool
		if j.key, ok = AppendKey(j.key, value, i, len(in.Parent)); !ok {
			j.places = append(j.places, -1)
			return nil
		}
	}
	n, known := j.numbers[string(j.key)]
	if !known {
		n = int32(len(j.keys))
		j.numbers[string(j.key)] = n
		j.keys = append(j.keys, bytes.Clone(j.key))
	}
	j.places = append(j.places, n)
	if j.view.links != nil && len(in.Parent) > 0 {
		j.docLinks = append(j.docLinks, docLink{n, id})
	}
	return nil
}

// splice writes a value with the include in all its places.
func (j *joiner) splice(in *Include, v []byte, at []string, place *int, reject *string) {
	switch {
	case rawjson.Kind(v) == '[':
		j.into = append(j.into, '[')
		first := true
		for w := rawjson.Into(v); w.Next(); first = false {
			if !first {
				j.into = append(j.into, ',')
			}
			j.splice(in, w.Value, at, place, reject)
		}
		j.into = append(j.into, ']')
		return
	case rawjson.Kind(v) != '{':
		j.into = append(j.into, v...)
		return
	}
	j.into = append(j.into, '{')
	first := true
	for w := rawjson.Into(v); w.Next(); first = false {
		if !first {
			j.into = append(j.into, ',')
		}
		j.into = append(append(append(j.into, '"'), w.Name...), '"', ':')
		switch {
		case len(at) > 0 && rawjson.NameIs(w.Name, at[0]):
			j.splice(in, w.Value, at[1:], place, reject)
			continue
		case len(at) == 0 && rawjson.NameIs(w.Name, in.Name):
			*reject = "the document has a field of that name already"
		}
		j.into = append(j.into, w.Value...)
	}
	if len(at) == 0 {
		if !first {
			j.into = append(j.into, ',')
		}
		j.into = append(rawjson.AppendQuoted(j.into, in.Name), ':')
		j.appendFound(in, j.places[*place], reject)
		*place++
	}
	j.into = append(j.into, '}')
}

// appendFound writes what was found for a key.
func (j *joiner) appendFound(in *Include, n int32, reject *string) {
	if n >= 0 {
		f := &j.found[n]
		if f.reject != "" {
			*reject = f.reject
		}
		if f.present {
			j.into = append(j.into, j.foundData[f.start:f.end]...)
			return
		}
	}
	if in.One {
		j.into = append(j.into, "null"...)
		return
	}
	j.into = append(j.into, "[]"...)
}
