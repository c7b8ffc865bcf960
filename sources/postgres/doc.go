// Package postgres reads documents out of PostgreSQL at the speed of COPY.
//
// # How it reads
//
// A [sources.Shape] is held against the catalog and compiled to a tree of tables; all
// that is wrong with it comes at once as a problem.List. The root is cut into
// partitions by its key, by bytes as statistics and samples have them. A reader has one
// connection and goes through its partition in pages: some roots in key order, then the
// rows of each include for exactly these roots, all as binary COPY, decoded straight
// into JSON fragments in arenas that are reused, and merged into documents. A page
// adapts to [Config.PageBytes], so memory is bounded whatever the table; a document
// larger than that is alone on its page. An include is read in one of four ways, which
// the plan's notes tell:
//
//   - in key order beside the root, where its condition is the root's key;
//   - by the keys of each page's parents, sent as arrays;
//   - once, into memory: a `one` over a table within [Config.Memory] and 200,000 rows;
//   - by a cursor, where no index reaches a table of more than 1 MB: the join from the
//     root down, sorted as the root is, so that the table is read once a partition and
//     not once a page. While changes are captured every page is a transaction of its
//     own, which no cursor outlives: there such an include is read once a page.
//
// One exported snapshot serves all readers of a view. Its session locks the tables
// against DDL, and nothing else, until the view is closed; statement and lock timeouts
// are the role's own unless [Config] sets them. At most MaxConnections sessions are
// open; one of them holds the snapshot and looks up single keys. Nothing is created on
// the server. application_name is humpty unless the DSN says otherwise.
//
// # Documents
//
// Fields stand in the order of the definition, then the includes in theirs. A `one`
// without a row is null, a `many` without rows is [], NULL is null; a flattened `one`
// without a row leaves its fields null. A `many` is in the order of order_by, then of
// its table's key (of its whole rows as text where it has none), so two reads are equal.
//
// A document's id is the text of the root's key, or of the columns of id. The parts of
// a composed id are joined by a colon; a colon or backslash inside a part has a
// backslash before it, so different keys never share an id. Routing is written alike,
// and is absent where a part is NULL.
//
// A record is rejected, with its reason, where no document can be made of it: a NaN or
// Infinity (unless [Config.NotFinite] is null), text that is no UTF-8, an id that is
// empty or longer than 512 bytes, a `one` that finds several rows, a version column
// that is NULL or negative. A key that comes NULL or twice, as a query can give it,
// is an error.
//
// # Types
//
// Package pgjson has the table of PostgreSQL's types and their JSON forms.
package postgres
