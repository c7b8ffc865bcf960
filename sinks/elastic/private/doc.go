// Package private has the tests of package elastic that need servers of their own: one with
// users, keys and certificates, and a cluster whose nodes may die.
package private
