package checkpoint

import (
	"encoding/binary"
	"errors"
	"slices"

	"humpty/sources"
)

// span is one or more changes in a row: reasons for a mark.
type span struct {
	first, last uint64 // sequences
	xid         uint64 // the transaction; of several the largest
}

// seen reports whether the snapshot saw all the changes of a span. Of several only the
// largest transaction is known, so everything up to it must be past.
func (s span) seen(saw sources.TxSnapshot) bool {
	if s.first == s.last {
		return saw.Sees(s.xid)
	}
	return s.xid < saw.Min
}

// pending is what speaks for a mark, oldest first.
type pending []span

// spansKept bounds what a row changed again and again costs. Beyond it changes are folded.
const spansKept = 128

// with adds a change. cut is where the present round began: changes on either side of it
// are never folded into one, or the round could not settle its own.
func (p pending) with(seq, xid, cut uint64) pending {
	if last := len(p) - 1; last >= 0 && p[last].xid == xid && p[last].first == p[last].last && p[last].last > cut {
		p[last] = span{first: seq, last: seq, xid: xid} // the same transaction: its last change speaks for all
		return p
	}
	p = append(p, span{first: seq, last: seq, xid: xid})
	if len(p) <= spansKept {
		return p
	}
	folded := pending{p[0]}
	for _, s := range p[1 : len(p)-1] {
		top := &folded[len(folded)-1]
		if top.last <= cut && s.first > cut {
			folded = append(folded, s)
			continue
		}
		top.last, top.xid = s.last, max(top.xid, s.xid)
	}
	return append(folded, p[len(p)-1])
}

// without takes away what a read settled: changes that are not newer than the round and
// that the snapshot saw.
func (p pending) without(round uint64, saw sources.TxSnapshot) pending {
	return slices.DeleteFunc(p, func(s span) bool { return s.last <= round && s.seen(saw) })
}

func (p pending) encode() []byte {
	out := make([]byte, 0, 24*len(p))
	for _, s := range p {
		out = binary.BigEndian.AppendUint64(out, s.first)
		out = binary.BigEndian.AppendUint64(out, s.last)
		out = binary.BigEndian.AppendUint64(out, s.xid)
	}
	return out
}

func decodePending(value []byte) (pending, error) {
	if len(value) == 0 || len(value)%24 != 0 {
		return nil, errors.New("a mark's changes are cut short: the store is damaged")
	}
	p := make(pending, 0, len(value)/24+1)
	for at := 0; at < len(value); at += 24 {
		p = append(p, span{
			first: binary.BigEndian.Uint64(value[at:]),
			last:  binary.BigEndian.Uint64(value[at+8:]),
			xid:   binary.BigEndian.Uint64(value[at+16:]),
		})
	}
	return p, nil
}
