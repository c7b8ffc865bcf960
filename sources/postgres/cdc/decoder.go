package cdc

import (
	"fmt"
	"slices"

	"github.com/jackc/pglogrepl"

	"humpty/sources"
	"humpty/sources/postgres/pgoutput"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// txDecoder turns the messages of the stream into marks, transaction by transaction.
type txDecoder struct {
	dependencies map[uint32][]*query.Dependency // by relation
	relations    map[uint32]*pgoutput.Relation
	recentXid    uint64 // a transaction id of late, for widening

	onCommit func(xid uint64, commit pglogrepl.LSN) // told of each transaction before its marks are given out

	open      bool // inside a transaction
	xid       uint64
	commitLSN pglogrepl.LSN // of its commit
	seen      map[sources.DirtyKey]struct{}
	marks     []sources.DirtyKey
	fence     string
	endLSN    pglogrepl.LSN // behind the transaction just finished; 0: only a part of it
}

// marksAtOnce bounds how much of a huge transaction is held: what is beyond comes as
// further parts of it.
const marksAtOnce = 100_000

func newTxDecoder(tables []publishedTable, recent uint64) txDecoder {
	r := txDecoder{
		dependencies: map[uint32][]*query.Dependency{}, relations: map[uint32]*pgoutput.Relation{},
		recentXid: recent, seen: map[sources.DirtyKey]struct{}{}, onCommit: func(uint64, pglogrepl.LSN) {},
	}
	for _, t := range tables {
		r.dependencies[uint32(session.ParseInt(t.oid))] = t.dependencies
	}
	return r
}

// decode reads one message; whole says that m is filled: a transaction that touched
// something, a part of a huge one, or a fence.
func (d *txDecoder) decode(message pgoutput.Message, m *sources.ChangeSet) (whole bool, err error) {
	switch msg := message.(type) {
	case *pgoutput.Begin:
		d.open, d.fence = true, ""
		d.xid = widen(d.recentXid, msg.Xid)
		d.recentXid = max(d.recentXid, d.xid)
		d.commitLSN = pglogrepl.LSN(msg.FinalLSN)
	case *pgoutput.Relation:
		return false, d.relation(msg)
	case *pgoutput.Change:
		if err := d.change(msg); err != nil {
			return false, err
		}
		if len(d.marks) >= marksAtOnce {
			d.emit(m, 0)
			return true, nil
		}
	case *pgoutput.Truncate:
		for _, oid := range msg.Relations {
			if len(d.dependencies[oid]) > 0 {
				d.add(sources.DirtyKey{All: true})
			}
		}
	case *pgoutput.Emitted:
		if msg.Transactional && msg.Prefix == fencePrefix {
			d.fence = string(msg.Content)
		}
	case *pgoutput.Commit:
		d.open = false
		if len(d.marks) == 0 && d.fence == "" {
			return false, nil
		}
		d.emit(m, pglogrepl.LSN(msg.EndLSN))
		return true, nil
	}
	return false, nil
}

func (d *txDecoder) emit(m *sources.ChangeSet, end pglogrepl.LSN) {
	d.onCommit(d.xid, d.commitLSN)
	*m = sources.ChangeSet{Keys: slices.Clone(d.marks), Xid: d.xid}
	if end != 0 {
		m.Fence = d.fence
	}
	d.endLSN = end
	d.marks = d.marks[:0]
	clear(d.seen)
}

// relation notes a table's columns. A table that comes again with other ones was altered: what
// was read before and after does not fit together. What is watched must be among them, and
// in the identity, or the stream does not say which documents a change concerns.
func (d *txDecoder) relation(msg *pgoutput.Relation) error {
	old, dependencies := d.relations[msg.OID], d.dependencies[msg.OID]
	d.relations[msg.OID] = msg
	if len(dependencies) == 0 {
		return nil
	}
	if old != nil && !slices.EqualFunc(old.Columns, msg.Columns, sameColumn) {
		return &sources.ErrChangesLost{Why: fmt.Sprintf("table %s.%s was altered during the run", msg.Schema, msg.Name), Remedy: "what was read before and after does not fit together"}
	}
	for _, w := range dependencies {
		for _, name := range w.Columns {
			at := slices.IndexFunc(msg.Columns, func(c pgoutput.Column) bool { return c.Name == name })
			if at < 0 {
				return &sources.ErrChangesLost{Why: fmt.Sprintf("the stream of changes leaves out column %s of %s.%s: it was dropped, is generated, or was taken out of the publication", name, msg.Schema, msg.Name), Remedy: incomplete}
			}
			if !msg.Columns[at].Key && msg.Identity != 'f' {
				return identityGap(msg.Schema+"."+msg.Name, []string{name})
			}
		}
	}
	return nil
}

// sameColumn does not compare what the identity says: any that holds what is watched will do.
func sameColumn(a, b pgoutput.Column) bool {
	return a.Name == b.Name && a.Type == b.Type && a.Mod == b.Mod
}

func (d *txDecoder) change(msg *pgoutput.Change) error {
	watches := d.dependencies[msg.Relation]
	if len(watches) == 0 {
		return nil
	}
	rel := d.relations[msg.Relation]
	if rel == nil {
		return fmt.Errorf("the stream changes relation %d before it describes it", msg.Relation)
	}
	now := completed(msg.New, msg.Old)
	for _, w := range watches {
		for _, values := range [][]pgoutput.Value{msg.Old, now} {
			if values == nil {
				continue
			}
			mark, ok := w.MarkOf(valueOf(rel, values))
			if ok {
				d.add(mark)
			} else if valueOmitted(w, rel, values) {
				d.add(sources.DirtyKey{All: true})
			}
		}
	}
	return nil
}

// completed is a new row with the values that lie out of line and were not changed, which it does
// not have, taken from the old row as far as that has them.
func completed(row, old []pgoutput.Value) []pgoutput.Value {
	if len(old) != len(row) || !slices.ContainsFunc(row, func(v pgoutput.Value) bool { return v.Unchanged }) {
		return row
	}
	row = slices.Clone(row)
	for i := range row {
		// A NULL has no place out of line: it stands for a column that the old row was sent without.
		if row[i].Unchanged && !old[i].Null {
			row[i] = old[i]
		}
	}
	return row
}

// valueOmitted tells that the stream does not say a watched value, since it lies out of line and
// was not changed. Servers of before 2022 (14.1, 13.5, …) leave it out of old rows, too.
func valueOmitted(w *query.Dependency, rel *pgoutput.Relation, values []pgoutput.Value) bool {
	return slices.ContainsFunc(w.Columns, func(name string) bool {
		at := slices.IndexFunc(rel.Columns, func(c pgoutput.Column) bool { return c.Name == name })
		return at < 0 || at >= len(values) || values[at].Unchanged
	})
}

func valueOf(rel *pgoutput.Relation, values []pgoutput.Value) func(string) (string, bool) {
	return func(name string) (string, bool) {
		at := slices.IndexFunc(rel.Columns, func(c pgoutput.Column) bool { return c.Name == name })
		if at < 0 || at >= len(values) || values[at].Null || values[at].Unchanged {
			return "", false
		}
		return string(values[at].Text), true
	}
}

func (d *txDecoder) add(mark sources.DirtyKey) {
	if _, ok := d.seen[mark]; !ok {
		d.seen[mark] = struct{}{}
		d.marks = append(d.marks, mark)
	}
}
