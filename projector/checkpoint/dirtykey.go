package checkpoint

import (
	"bytes"
	"errors"

	"humpty/sources"
)

// A mark's key is m/ NODE 0x00 KIND KEY; whole tables come before keys, so that a round
// takes them first.
const (
	kindAll byte = 'A'
	kindKey byte = 'K'
)

// The bounds of all marks among the keys.
var (
	dirtyFrom = []byte("m/") // the first
	dirtyTo   = []byte("m0") // behind the last
)

func encodeKey(m sources.DirtyKey) []byte {
	key := make([]byte, 0, 4+len(m.Node)+len(m.Key))
	key = append(key, dirtyFrom...)
	key = append(key, m.Node...)
	key = append(key, 0)
	if m.All {
		return append(key, kindAll)
	}
	key = append(key, kindKey)
	return append(key, m.Key...)
}

func decodeKey(key []byte) (sources.DirtyKey, error) {
	rest, ok := bytes.CutPrefix(key, dirtyFrom)
	node, rest, found := bytes.Cut(rest, []byte{0})
	if !ok || !found || len(rest) == 0 {
		return sources.DirtyKey{}, errors.New("a mark's key cannot be read: the store is damaged")
	}
	return sources.DirtyKey{Node: string(node), All: rest[0] == kindAll, Key: string(rest[1:])}, nil
}
