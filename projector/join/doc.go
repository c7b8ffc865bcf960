// Package join joins what comes from different sources into one document: the folded
// states of a topic into documents of tables, rows of tables into documents of events.
//
// A [Source] gives the documents of Root, each with its [Include]s spliced in as they are:
// a value is never decoded. An include is found by the values of fields of its parent, as
// text: a number and a text of the same digits are the same. What an include needs is either
// held (read once when the view is opened, kept in the order of its keys' hashes, in memory
// up to a budget and then on disk) or looked up for each batch of documents.
//
// Every view is as of one moment for each source; nothing ties these moments together, as
// nothing ties the sources together.
package join
