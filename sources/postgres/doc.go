// Package postgres reads documents out of PostgreSQL at the speed of COPY.
//
// A [sources.Shape] is held against the catalog and compiled to a tree of tables. The
// root is cut into partitions by its key. A reader has one connection and goes through
// its partition in pages: some roots in key order, then the rows of each include for
// exactly these roots, all as binary COPY, decoded straight into JSON fragments in
// arenas that are reused, and merged into documents.
package postgres
