// Package verify compares an index with its source, document by document, in both
// directions, and names what differs.
//
// # One pass
//
// Both sides are read once, in parallel and streamed. Each document becomes a 128-bit hash
// of its id, routing and body, added to the sum of its bucket, so that order does not
// matter. What would be needed to name it (id, routing, hash: about 40 bytes) is noted
// beside, in memory while that is little, in a temporary file beyond. Where the sums of a
// bucket agree, its documents do; only the notes of differing buckets are opened. So a
// comparison costs one reading of each side however much differs, and its memory is
// bounded whatever the sizes.
//
// # Equal
//
// Where humpty alone wrote the index ([Check].Exact), bodies are first compared byte for
// byte, and what differs is opened again in its canonical form (internal/canonjson) before it is
// called stale. Elsewhere the canonical form counts from the start, since an application may
// spell the same document another way.
//
// # While others write
//
// Two readings are never at the same moment, so a first difference proves nothing. Nor does
// it prove anything that two readings of a document say the same: it may have changed to and fro
// in between. Documents that differ are read again by key, the index first and then the source,
// and once more when everything that was under way then has arrived. A document counts as
// different only if it rested meanwhile: both bodies are what they were, and nobody wrote it.
// Who catches up with the source ([Writes].CatchUp) says what it wrote; of an index that others
// write to, the sequence numbers of its documents say so, and readings in between for
// those that it does not have. What does not rest is read again. Rounds are bounded: what never
// rests is named as moving, and more than one in a thousand of them lower the level to partial.
//
// # Levels
//
// Full compares everything. Sample compares n random documents of the index with the
// source, and the exact number of documents on both sides: with c the confidence and p the
// share, none of n differing proves that fewer than p differ if (1-p)^n ≤ 1-c, that is
// n ≥ ln(1-c)/ln(1-p); 69,075 for 99.9% and 1 in 10,000. What is missing follows from the
// counts: missing = extra + documents in the source - documents in the index. Count
// compares these two numbers only.
package verify
