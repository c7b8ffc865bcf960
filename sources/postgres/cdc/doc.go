// Package cdc captures changes: by a publication and a replication slot, or by a column that
// tells when a row was written. It says what either needs, and what earlier captures left.
package cdc
