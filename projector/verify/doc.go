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
// Two readings are never at the same moment, so a first difference proves nothing. Its
// keys are read again, the index first and then the source, after everything that was
// under way at the first readings has had time to arrive. A key counts as different only
// if both bodies still are what they were; one that changed is read once more after
// another such time, and one that changes each time is named as moving. Rounds are
// bounded.
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
