// Package query holds a projection against the catalog: what comes of it is a tree of tables
// with the SQL that reads them, or everything that is wrong with the definition, at once.
package query
