package read

import (
	"bytes"
	"hash/maphash"
)

// keyset numbers distinct keys in the order they come, without an allocation a key.
type keyset struct {
	seed  maphash.Seed
	slots []int32 // number + 1, by hash; 0 is free
	data  []byte
	ends  []int
}

func newKeyset() keyset { return keyset{seed: maphash.MakeSeed(), slots: make([]int32, 64)} }

func (k *keyset) reset() {
	clear(k.slots)
	k.data, k.ends = k.data[:0], k.ends[:0]
}

func (k *keyset) len() int { return len(k.ends) }

func (k *keyset) at(i int) []byte {
	if i == 0 {
		return k.data[:k.ends[0]]
	}
	return k.data[k.ends[i-1]:k.ends[i]]
}

// find returns the number of a key, -1 if it is not there.
func (k *keyset) find(key []byte) int32 {
	return k.slots[k.slot(key)] - 1
}

// near is find for keys that come in the order of their numbers, mostly: it looks at
// the number guessed and the next one first.
func (k *keyset) near(key []byte, guess int32) int32 {
	for i := guess; i < guess+2 && int(i) < len(k.ends); i++ {
		if bytes.Equal(k.at(int(i)), key) {
			return i
		}
	}
	return k.find(key)
}

// add returns the number of a key, a new one if it was not there.
func (k *keyset) add(key []byte) int32 {
	at := k.slot(key)
	if n := k.slots[at]; n > 0 {
		return n - 1
	}
	k.data = append(k.data, key...)
	k.ends = append(k.ends, len(k.data))
	k.slots[at] = int32(len(k.ends))
	if 2*len(k.ends) > len(k.slots) {
		k.grow()
	}
	return int32(len(k.ends)) - 1
}

func (k *keyset) slot(key []byte) int {
	mask := len(k.slots) - 1
	at := int(maphash.Bytes(k.seed, key)) & mask
	for n := k.slots[at]; n > 0 && !bytes.Equal(k.at(int(n)-1), key); n = k.slots[at] {
		at = (at + 1) & mask
	}
	return at
}

func (k *keyset) grow() {
	k.slots = make([]int32, 2*len(k.slots))
	for i := range k.ends {
		k.slots[k.slot(k.at(i))] = int32(i) + 1
	}
}
