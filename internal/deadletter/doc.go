// Package deadletter keeps what a run could not use: documents that were refused for good, and
// events that could not be read or applied. A file of letters is one JSON object a line, so
// that the usual tools read it too.
package deadletter
