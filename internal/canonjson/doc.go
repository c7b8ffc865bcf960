// Package canonjson writes JSON documents in one canonical form, so that two documents are
// equal in meaning exactly if their forms are equal in bytes. It serves comparisons with
// what an application or a restored index holds: the same document, spelled differently.
//
// # The form
//
//   - No white space; the members of an object in the order of their keys' bytes.
//   - Strings unescaped: only ", \ and control characters are escaped, the latter as
//     \u00xx; half a surrogate pair stays \udxxx, since no other spelling has it.
//   - Numbers as exact decimals: 1, 1.0, 10e-1 are 1; 100 is 1e2; no digit is lost,
//     however many there are; -0 is 0. An exponent beyond 17 digits is left as it is spelled.
//   - A key that is there twice is kept twice, in its order: readers disagree on which
//     one counts, so such a document equals only one with the same duplicates.
//   - null is not the same as absent; 1 is not the same as "1"; arrays keep their order.
//
// Fields named in [Paths] are left out, also inside arrays.
package canonjson
