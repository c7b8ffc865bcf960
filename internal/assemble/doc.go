// Package assemble makes what the engine takes of what humpty.yaml says: the one place where
// the file's words meet the products.
package assemble
