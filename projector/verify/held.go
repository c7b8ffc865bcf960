package verify

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/zeebo/xxh3"

	"humpty/projector/ledger"
)

// heldBack are the documents of both sides that are known to be refused: they are kept out of
// the sums, and each is compared by itself.
type heldBack struct {
	refusals *ledger.Refusals

	mu  sync.Mutex
	all map[string]*heldDocument // by key, as appendKey writes it
}

// heldDocument is one of them, as it was read.
type heldDocument struct {
	refused ledger.Rejection
	source  heldSide
	index   heldSide
	reject  bool // the source has a row and can make no document
}

// heldSide is a document on one side.
type heldSide struct {
	there bool
	sum   string       // ledger.DocumentSum
	hash  xxh3.Uint128 // as the pass hashes it
}

// takeSource keeps a document of the source back if it is known to be refused.
func (h *heldBack) takeSource(hash hasher, id, routing, body []byte, reject bool) bool {
	return h.take(id, routing, func(d *heldDocument) {
		d.reject = reject
		if !reject {
			d.source = sideOf(hash, id, routing, body)
		}
	})
}

// takeIndex keeps a document of the index back if it is known to be refused.
func (h *heldBack) takeIndex(hash hasher, id, routing, body []byte) bool {
	return h.take(id, routing, func(d *heldDocument) { d.index = sideOf(hash, id, routing, body) })
}

func (h *heldBack) take(id, routing []byte, note func(*heldDocument)) bool {
	refused, ok := h.refusals.Of(id)
	if !ok {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := string(appendKey(nil, id, effectiveRouting(id, routing)))
	if h.all == nil {
		h.all = map[string]*heldDocument{}
	}
	if h.all[key] == nil {
		h.all[key] = &heldDocument{refused: refused}
	}
	note(h.all[key])
	return true
}

func sideOf(hash hasher, id, routing, body []byte) heldSide {
	_, sum := hash.document(id, effectiveRouting(id, routing), body)
	return heldSide{there: true, sum: ledger.DocumentSum(body), hash: sum}
}

// inSource is how many of them the source has, made or not.
func (h *heldBack) inSource() (n int64) {
	for _, d := range h.all {
		if d.source.there || d.reject {
			n++
		}
	}
	return n
}

// compare says of each what it is: refused, as it was known; or a candidate, since the source
// has another document now than the one that was refused. What is equal is counted.
func (h *heldBack) compare(refused func(key []byte) error, differs func(candidate) error) (equal int64, err error) {
	for _, key := range slices.SortedFunc(maps.Keys(h.all), cmp.Compare[string]) {
		d := h.all[key]
		c := candidate{key: []byte(key), hashes: sideHashes{d.source.hash, d.index.hash}}
		switch {
		case d.source.there && d.index.there && d.source.sum == d.index.sum:
			equal++
			continue
		case d.reject, d.source.there && d.source.sum == d.refused.Document:
			err = refused(c.key)
		case !d.source.there && !d.index.there:
		case !d.source.there:
			c.kind = Extra
		case !d.index.there:
			c.kind = Missing
		default:
			c.kind = Stale
		}
		if err == nil && c.kind != "" {
			err = differs(c)
		}
		if err != nil {
			return equal, err
		}
	}
	return equal, nil
}

// indexed reports whether the index has any of them.
func (h *heldBack) indexed() bool {
	for _, d := range h.all {
		if d.index.there {
			return true
		}
	}
	return false
}

// knownRefused reports whether what was read differs only since the source's document is
// refused, as is known.
func knownRefused(refusals *ledger.Refusals, r *Reading) bool {
	known, ok := refusals.Of(r.ID)
	return ok && (r.Refused != "" || r.Want != nil && ledger.DocumentSum(r.Want) == known.Document)
}
