// Package alias runs the built program beside an application that searches and writes
// through the alias all the time.
package alias
