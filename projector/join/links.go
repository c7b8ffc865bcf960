package join

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/statedb"
	"humpty/sources"
)

// linkStore remember, durably, which documents were ever read with which key of an include: a
// set that only grows. A key is linked before what it finds is read, so whoever changes
// later finds every document that may show what was there before.
type linkStore struct{ db *statedb.Shared }

func openLinkStore(dir string, fatal func(error)) (*linkStore, error) {
	db, err := statedb.Open(dir, statedb.Options{Fatal: fatal})
	if err != nil {
		return nil, fmt.Errorf("open the links of the run in %s: %w", dir, err)
	}
	return &linkStore{&statedb.Shared{DB: db}}, nil
}

var keyBegun = []byte("begun") // the capture has begun with these links

// errLinksMissing is for a capture that begins where its links should be already.
var errLinksMissing = &sources.ErrChangesLost{
	Why:    "which documents show what is not in the state folder of the run any more",
	Remedy: "changes of includes would not lead to their documents",
}

// checkBegun makes sure that a capture that goes on has its links.
func (l *linkStore) checkBegun(fresh bool) error {
	was, err := statedb.Get(l.db.DB, keyBegun)
	switch {
	case err != nil:
		return fmt.Errorf("read the links of the run: %w", err)
	case was == nil && !fresh:
		return errLinksMissing
	case was == nil:
		return l.db.Set(keyBegun, nil, pebble.Sync)
	}
	return nil
}

// linkTable is one kind of links: of an include, or between the states of a topic and the
// values in them by which they are found.
type linkTable struct {
	*linkStore
	kind uint16
}

func (l linkTable) prefix(from []byte) []byte {
	name := binary.BigEndian.AppendUint16([]byte{'k'}, l.kind)
	name = binary.BigEndian.AppendUint32(name, uint32(len(from)))
	return append(name, from...)
}

// keyLink is a link.
type keyLink struct{ from, to []byte }

// add makes links durable that are not there yet.
func (l linkTable) add(all []keyLink) error {
	batch := l.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	for _, p := range all {
		name := append(l.prefix(p.from), p.to...)
		was, err := statedb.Get(l.db.DB, name)
		if err == nil && was == nil {
			err = batch.Set(name, nil, nil)
		}
		if err != nil {
			return fmt.Errorf("link documents: %w", err)
		}
	}
	if batch.Empty() {
		return nil
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("link documents: %w", err)
	}
	return nil
}

// each calls fn with what a key is linked to; fn may not hold it.
func (l linkTable) each(from []byte, fn func(to []byte) error) error {
	prefix := l.prefix(from)
	return statedb.Each(l.db.DB, prefix, prefixEnd(prefix), func(name, _ []byte) error { return fn(name[len(prefix):]) })
}

// prefixEnd is the first key behind those that begin with a prefix.
func prefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// isBackfilled keeps that links were made of everything there was.
func (l linkTable) isBackfilled() (bool, error) {
	was, err := statedb.Get(l.db.DB, binary.BigEndian.AppendUint16([]byte{'f'}, l.kind))
	return was != nil, err
}

func (l linkTable) markBackfilled() error {
	return l.db.Set(binary.BigEndian.AppendUint16([]byte{'f'}, l.kind), nil, pebble.Sync)
}

// looseKey is a form that all texts have which a database may take for equal to a key; others
// may have it, too: they only cost a reading. Of n parts each has its own.
func looseKey(key []byte, n int) []byte {
	parts := []string{string(key)}
	if n > 1 {
		parts = parts[:0]
		part := ""
		for i := 0; i < len(key); i++ {
			switch {
			case key[i] == '\\' && i+1 < len(key):
				i++
				part += string(key[i])
			case key[i] == ':':
				parts, part = append(parts, part), ""
			default:
				part += string(key[i])
			}
		}
		parts = append(parts, part)
	}
	for i, p := range parts {
		p = strings.ToLower(strings.TrimSpace(p))
		if f, err := strconv.ParseFloat(p, 64); err == nil || !math.IsInf(f, 0) && f != 0 {
			p = strconv.FormatFloat(f+0, 'g', -1, 64)
		}
		switch p {
		case "t":
			p = "true"
		case "f":
			p = "false"
		case "-0":
			p = "0"
		}
		parts[i] = p
	}
	return []byte(strings.Join(parts, "\x00"))
}
