package postgres

import (
	"fmt"
	"slices"

	"github.com/jackc/pglogrepl"
	"humpty/sources"
	"humpty/sources/postgres/pgoutput"
)

// marker turns the messages of the stream into marks, transaction by transaction.
type marker struct {
	watches   map[uint32][]*watch // by relation
	relations map[uint32]*pgoutput.Relation
	recent    uint64 // a transaction id of late, for widening

	heard func(xid uint64, commit pglogrepl.LSN) // told of each transaction before its marks are given out

	open  bool // inside a transaction
	xid   uint64
	at    pglogrepl.LSN // of its commit
	seen  map[sources.DirtyKey]struct{}
	marks []sources.DirtyKey
	fence string
	end   pglogrepl.LSN // behind the transaction just finished; 0: only a part of it
}

// marksAtOnce bounds how much of a huge transaction is held: what is beyond comes as
// further parts of it.
const marksAtOnce = 100_000

func newMarker(tables []captured, recent uint64) marker {
	r := marker{
		watches: map[uint32][]*watch{}, relations: map[uint32]*pgoutput.Relation{},
		recent: recent, seen: map[sources.DirtyKey]struct{}{}, heard: func(uint64, pglogrepl.LSN) {},
	}
	for _, t := range tables {
		r.watches[uint32(toInt(t.oid))] = t.watches
	}
	return r
}

// take reads one message; whole says that m is filled: a transaction that touched
// something, a part of a huge one, or a fence.
func (r *marker) take(message pgoutput.Message, m *sources.ChangeSet) (whole bool, err error) {
	switch msg := message.(type) {
	case *pgoutput.Begin:
		r.open, r.fence = true, ""
		r.xid = widen(r.recent, msg.Xid)
		r.recent = max(r.recent, r.xid)
		r.at = pglogrepl.LSN(msg.FinalLSN)
	case *pgoutput.Relation:
		return false, r.relation(msg)
	case *pgoutput.Change:
		if err := r.change(msg); err != nil {
			return false, err
		}
		if len(r.marks) >= marksAtOnce {
			r.give(m, 0)
			return true, nil
		}
	case *pgoutput.Truncate:
		for _, oid := range msg.Relations {
			if len(r.watches[oid]) > 0 {
				r.add(sources.DirtyKey{All: true})
			}
		}
	case *pgoutput.Emitted:
		if msg.Transactional && msg.Prefix == fencePrefix {
			r.fence = string(msg.Content)
		}
	case *pgoutput.Commit:
		r.open = false
		if len(r.marks) == 0 && r.fence == "" {
			return false, nil
		}
		r.give(m, pglogrepl.LSN(msg.EndLSN))
		return true, nil
	}
	return false, nil
}

func (r *marker) give(m *sources.ChangeSet, end pglogrepl.LSN) {
	r.heard(r.xid, r.at)
	*m = sources.ChangeSet{Keys: slices.Clone(r.marks), Xid: r.xid}
	if end != 0 {
		m.Fence = r.fence
	}
	r.end = end
	r.marks = r.marks[:0]
	clear(r.seen)
}

// relation notes a table's columns. A table that comes again with other ones was
// altered: what was read before and after does not fit together.
func (r *marker) relation(msg *pgoutput.Relation) error {
	old := r.relations[msg.OID]
	if old != nil && len(r.watches[msg.OID]) > 0 && !slices.Equal(old.Columns, msg.Columns) {
		return &sources.ErrChangesLost{Why: fmt.Sprintf("table %s.%s was altered during the run", msg.Schema, msg.Name), Remedy: "what was read before and after does not fit together: start a new rebuild"}
	}
	r.relations[msg.OID] = msg
	return nil
}

func (r *marker) change(msg *pgoutput.Change) error {
	watches := r.watches[msg.Relation]
	if len(watches) == 0 {
		return nil
	}
	rel := r.relations[msg.Relation]
	if rel == nil {
		return fmt.Errorf("the stream changes relation %d before it describes it", msg.Relation)
	}
	for _, w := range watches {
		for _, values := range [][]pgoutput.Value{msg.Old, msg.New} {
			if values == nil {
				continue
			}
			if mark, ok := w.mark(valueOf(rel, values)); ok {
				r.add(mark)
			}
		}
		if msg.Old == nil && w.withheld(rel, msg.New) {
			r.add(sources.DirtyKey{All: true})
		}
	}
	return nil
}

// withheld tells that the stream does not say a watched value, since it lies out of line and
// was not changed. Servers of before 2022 (14.1, 13.5, …) leave it out of old rows, too.
func (w *watch) withheld(rel *pgoutput.Relation, values []pgoutput.Value) bool {
	return slices.ContainsFunc(w.columns, func(name string) bool {
		at := slices.IndexFunc(rel.Columns, func(c pgoutput.Column) bool { return c.Name == name })
		return at >= 0 && at < len(values) && values[at].Unchanged
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

func (r *marker) add(mark sources.DirtyKey) {
	if _, ok := r.seen[mark]; !ok {
		r.seen[mark] = struct{}{}
		r.marks = append(r.marks, mark)
	}
}
