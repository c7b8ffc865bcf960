package fold

import "encoding/binary"

// entry is one event as it waits in a bucket, in memory and on disk alike.
type entry struct {
	hash    uint64 // of its key
	time    int64
	offset  int64
	source  uint16 // number of its partition in the plan
	kind    uint16 // number of its type
	deleted bool
	key     []byte
	value   []byte

	rank int64 // its time, or that of an earlier one of its partition if that is later; only while sorting
}

// The layout of an entry.
const (
	timeAt    = 8
	offsetAt  = 16
	sourceAt  = 24
	kindAt    = 26
	deletedAt = 28
	keySizeAt = 32
	sizeAt    = 36
	entryHead = 40
)

func (e *entry) size() int { return entryHead + len(e.key) + len(e.value) }

func (e *entry) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, e.hash)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.time))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.offset))
	dst = binary.LittleEndian.AppendUint16(dst, e.source)
	dst = binary.LittleEndian.AppendUint16(dst, e.kind)
	flag := uint32(0)
	if e.deleted {
		flag = 1
	}
	dst = binary.LittleEndian.AppendUint32(dst, flag)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.key)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.value)))
	dst = append(dst, e.key...)
	return append(dst, e.value...)
}

// entryHash and entrySize look at an entry without reading it.
func entryHash(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

func entrySize(p []byte) int {
	return entryHead + int(binary.LittleEndian.Uint32(p[keySizeAt:])) + int(binary.LittleEndian.Uint32(p[sizeAt:]))
}

func entryKey(p []byte) []byte {
	return p[entryHead : entryHead+int(binary.LittleEndian.Uint32(p[keySizeAt:]))]
}

// read fills e from p; its slices point into p.
func (e *entry) read(p []byte) {
	key := entryHead + int(binary.LittleEndian.Uint32(p[keySizeAt:]))
	end := key + int(binary.LittleEndian.Uint32(p[sizeAt:]))
	*e = entry{
		hash:    entryHash(p),
		time:    int64(binary.LittleEndian.Uint64(p[timeAt:])),
		offset:  int64(binary.LittleEndian.Uint64(p[offsetAt:])),
		source:  binary.LittleEndian.Uint16(p[sourceAt:]),
		kind:    binary.LittleEndian.Uint16(p[kindAt:]),
		deleted: p[deletedAt] != 0,
		key:     p[entryHead:key:key],
	}
	if !e.deleted {
		e.value = p[key:end:end]
	}
}
