// Package session has one connection to PostgreSQL: connecting, streaming the rows of a COPY,
// transactions and their snapshots, the watch for half-open connections, the wait for a
// standby; and the pool of those that read of one view.
package session
