package spill

import "encoding/binary"

// Entry is one event as it waits in a bucket, in memory and on disk alike.
type Entry struct {
	Hash      uint64 // of its key
	Time      int64
	Offset    int64
	Partition uint16 // number of its partition in the plan
	Type      uint16 // number of its type
	Deleted   bool
	Key       []byte
	Value     []byte

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

func (e *Entry) size() int { return entryHead + len(e.Key) + len(e.Value) }

func (e *Entry) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, e.Hash)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Time))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Offset))
	dst = binary.LittleEndian.AppendUint16(dst, e.Partition)
	dst = binary.LittleEndian.AppendUint16(dst, e.Type)
	flag := uint32(0)
	if e.Deleted {
		flag = 1
	}
	dst = binary.LittleEndian.AppendUint32(dst, flag)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.Key)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.Value)))
	dst = append(dst, e.Key...)
	return append(dst, e.Value...)
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
func (e *Entry) read(p []byte) {
	key := entryHead + int(binary.LittleEndian.Uint32(p[keySizeAt:]))
	end := key + int(binary.LittleEndian.Uint32(p[sizeAt:]))
	*e = Entry{
		Hash:      entryHash(p),
		Time:      int64(binary.LittleEndian.Uint64(p[timeAt:])),
		Offset:    int64(binary.LittleEndian.Uint64(p[offsetAt:])),
		Partition: binary.LittleEndian.Uint16(p[sourceAt:]),
		Type:      binary.LittleEndian.Uint16(p[kindAt:]),
		Deleted:   p[deletedAt] != 0,
		Key:       p[entryHead:key:key],
	}
	if !e.Deleted {
		e.Value = p[key:end:end]
	}
}
