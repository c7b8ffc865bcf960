// Package rawjson looks into JSON without decoding it: it checks a value once, and from
// then on hands out slices of it, so that every digit and every escape stays as it was
// written. Nothing allocates but where a string with escapes is asked for.
package rawjson
