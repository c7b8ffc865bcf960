package read

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

const lookedUp = 500 // keys at a time

// lookup reads documents by their ids, on the session that holds the snapshot.
type lookup struct {
	page  *page
	w     writer
	found []int // which key each root of the page answers
	ids   [][]string

	loose       bool // a key finds what PostgreSQL takes for equal
	dataRefused bool // the roots' query failed for its data: an id that its type does not take, or an expression
}

// newLookup looks up on the page's session.
func newLookup(p *page, loose bool) *lookup {
	p.roots.single = true
	return &lookup{page: p, w: writer{arena: p.rowArena}, loose: loose}
}

// all answers the keys, in portions.
func (l *lookup) all(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	defer l.page.db.CancelWith(ctx)()
	for size := lookedUp; len(keys) > 0; {
		some := keys[:min(size, len(keys))]
		n, err := l.answer(ctx, some, b)
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return fmt.Errorf("look up %d documents: %w", len(some), err)
		}
		if size = min(2*size, lookedUp); n < len(some) { // as many as fit on a page
			size = max(n, 1)
		}
		keys = keys[n:]
	}
	return nil
}

// answer answers the first of the keys, as many as fit on a page, and says how many.
func (l *lookup) answer(ctx context.Context, keys [][]byte, b *sources.Batch) (int, error) {
	order := make([]int, len(keys)) // of each key among those that can be asked for
	asked := keyset{}
	l.ids = l.ids[:0]
	for i, key := range keys {
		order[i] = -1
		parts, ok := query.SplitID(string(key), len(l.page.tree.Root.ID))
		if !ok || !l.plausible(parts) {
			continue
		}
		if i == 0 || asked.slots == nil {
			asked = newKeyset()
		}
		if order[i] = int(asked.add(key)); order[i] == len(l.ids) {
			l.ids = append(l.ids, parts)
		}
	}
	err := l.read(ctx, l.ids)
	if err != nil && l.dataRefused {
		if rollback := l.page.db.Exec(ctx, "rollback to savepoint lookup"); rollback != nil {
			return 0, errors.Join(err, rollback)
		}
		if len(keys) > 1 {
			if release := l.page.db.Exec(ctx, "release savepoint lookup"); release != nil {
				return 0, errors.Join(err, release)
			}
			return l.answer(ctx, keys[:len(keys)/2], b)
		}
		if !l.notOfType(ctx, l.ids[0]) {
			return 0, err
		}
		l.page.reset()
		err, l.found = nil, nil
	}
	if err != nil {
		return 0, err
	}
	for i, key := range keys {
		row, there := slices.BinarySearch(l.found, order[i])
		if !there {
			row = -1
		}
		if row >= l.page.n {
			if i == 0 {
				return l.answer(ctx, keys[:1], b)
			}
			return i, nil // the page was full: it comes with the next keys
		}
		l.record(key, row, b)
	}
	return len(keys), nil
}

// read asks for the ids and all that belongs to their documents.
func (l *lookup) read(ctx context.Context, ids [][]string) error {
	p := l.page
	p.reset()
	l.found, l.dataRefused = l.found[:0], false
	if len(ids) == 0 {
		return nil
	}
	if err := p.types.check(p.db); err != nil {
		return err
	}
	arrays := make([][]byte, len(ids[0]))
	for _, id := range ids {
		for i, part := range id {
			arrays[i] = query.AppendArrayItem(arrays[i], []byte(part))
		}
	}
	risky := slices.ContainsFunc(p.tree.Root.ID, func(k query.KeyColumn) bool { return !checkable(k.Type) })
	if risky {
		if err := p.db.Exec(ctx, "savepoint lookup"); err != nil {
			return err
		}
	}
	p.db.Queue(p.tree.Root.ByID.Among(nil, arrays, 0))
	if err := p.db.Flush(); err != nil {
		return err
	}
	var err error
	if l.found, err = p.readRoots(true, l.found); err != nil {
		var pg *pgconn.PgError
		if l.dataRefused = risky && errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || pg.Code == "42601"); l.dataRefused { // that is how a tsvector says it
			p.db.Done() // the answer is complete
		}
		return err
	}
	if err := p.fetch(nil, nil, func(*query.Node, int) int { return 0 }); err != nil {
		return err
	}
	p.db.Done()
	if risky {
		return p.db.Exec(ctx, "release savepoint lookup")
	}
	return nil
}

// notOfType reports whether the types of the id's columns do not take it, so that no row
// can ever have it.
func (l *lookup) notOfType(ctx context.Context, id []string) bool {
	var casts []string
	for i, k := range l.page.tree.Root.ID {
		casts = append(casts, session.QuoteLiteral(id[i])+"::"+k.Cast)
	}
	db := l.page.db
	if err := db.Exec(ctx, "select "+strings.Join(casts, ", ")); err == nil {
		return false
	}
	return db.Exec(ctx, "rollback to savepoint lookup; release savepoint lookup") == nil
}

func (l *lookup) record(key []byte, row int, b *sources.Batch) {
	rec := sources.Record{Key: b.Hold(key), Deleted: true}
	if row >= 0 && (l.loose || string(l.page.roots.id(row)) == string(key)) {
		asked := rec.Key
		rec = document(&l.w, l.page, row, b)
		rec.Key = asked
		b.Counts.Read++
		b.Counts.Used++
	}
	b.Records = append(b.Records, rec)
}

// plausible reports whether an id can be one of ours, where that is easy to see: a
// value that its type does not take would end the snapshot's transaction.
func (l *lookup) plausible(parts []string) bool {
	for i, part := range parts {
		if !utf8.ValidString(part) || strings.ContainsRune(part, 0) {
			return false
		}
		switch k := l.page.tree.Root.ID[i]; k.Type {
		case pgjson.OIDInt2, pgjson.OIDInt4, pgjson.OIDInt8:
			n, err := strconv.ParseInt(part, 10, 8*pgjson.IntSize(k.Type))
			if err != nil || strconv.FormatInt(n, 10) != part {
				return false
			}
		case pgjson.OIDUUID:
			if !pgjson.IsUUID(part) {
				return false
			}
		}
	}
	return true
}

// checkable reports whether possible says for certain that a type takes a text.
func checkable(oid uint32) bool {
	return pgjson.IsInteger(oid) || pgjson.IsString(oid) || oid == pgjson.OIDUUID
}
