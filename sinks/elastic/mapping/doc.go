// Package mapping tells what an index's mapping does with the fields of documents: which
// documents it refuses, which it does not give back as they were, and which fields it would map
// to something that nobody asked for.
package mapping
