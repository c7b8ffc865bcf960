// Package config reads humpty.yaml: strictly, all problems at once, each with its line
// and its remedy.
//
// The file passes through four steps. It is parsed to a tree that keeps every
// position; variables are expanded on scalars of that tree, so that a value can never
// change the structure; the tree is held against the grammar (one table, from which the
// JSON Schema is written too), which also puts the defaults in; and only then is it
// turned into the types below, with the checks that need more than one key.
package config
