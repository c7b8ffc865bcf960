// Package handlers has the folds that need no program: the last value of a key, JSON merge
// patches, and steps by type of event, written as JSON (see [Read]).
package handlers
