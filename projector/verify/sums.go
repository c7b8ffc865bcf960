package verify

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// bucketCount is how many buckets a verification sums into: enough that a few wrong
// documents among millions are opened with few right ones, small enough (24 bytes each)
// that every reader has its own.
const bucketCount = 1 << 14

// bucketSums are order-independent sums of document hashes, by bucket of the id. Two sides with
// equal documents have equal sums, in whatever order and however split they were read;
// sides that differ have different ones but for a chance of 2^-128 a bucket.
type bucketSums [bucketCount]sum

type sum struct {
	docs   int64
	hi, lo uint64 // sum of 128-bit hashes, modulo 2^128
}

// bucketOf is the bucket of an id.
func bucketOf(id []byte) int { return int(xxh3.Hash128(id).Hi % bucketCount) }

// fingerprint is the hash of a document with its id and effective routing, and its bucket.
// mark tells bodies of different kinds apart.
func fingerprint(id, routing, body []byte, mark uint64) (bucket int, hash xxh3.Uint128) {
	key := xxh3.Hash128(id)
	seed := key.Lo ^ mark
	if len(routing) > 0 {
		seed ^= xxh3.HashSeed(routing, key.Hi)
	}
	hash = xxh3.Hash128Seed(body, seed)
	hash.Hi ^= key.Hi
	return int(key.Hi % bucketCount), hash
}

func (s *bucketSums) add(bucket int, hash xxh3.Uint128) {
	s[bucket].plus(sum{docs: 1, hi: hash.Hi, lo: hash.Lo})
}

func (b *sum) plus(other sum) {
	var carry uint64
	b.docs += other.docs
	b.lo, carry = bits.Add64(b.lo, other.lo, 0)
	b.hi, _ = bits.Add64(b.hi, other.hi, carry)
}

func (s *bucketSums) merge(other *bucketSums) {
	for i := range s {
		s[i].plus(other[i])
	}
}

// total is the sum of all buckets.
func (s *bucketSums) total() sum {
	var all sum
	for i := range s {
		all.plus(s[i])
	}
	return all
}

func (s *bucketSums) documents() int64 {
	var n int64
	for i := range s {
		n += s[i].docs
	}
	return n
}
