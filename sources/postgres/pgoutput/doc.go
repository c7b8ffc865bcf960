// Package pgoutput decodes PostgreSQL's logical replication stream (plugin pgoutput,
// protocol version 1, values as text), as far as a change reader needs it: which rows of
// which relation a transaction touched, by the values that the stream carries.
//
// Format: PostgreSQL documentation, "Logical Replication Message Formats".
package pgoutput
