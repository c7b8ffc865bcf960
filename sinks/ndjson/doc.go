// Package ndjson writes generations into files of a folder: to look at documents, to
// compare two definitions, to try a projection without a cluster.
//
//	orders                              symlink to the live generation: the alias
//	orders-20261124t050000.ndjson       one line for each write, in order
//	orders-20261124t050000.json         its meta
//
// A line is {"id":"7","routing":"eu","version":1099511627776,"body":{…}}, and a delete has
// "deleted":true in place of the body. The file only grows: the last line of an id counts,
// and as writes with a lower version than the stored one are refused, it has the highest
// version. Where each id's line begins is kept in memory, about 100 bytes a document.
//
// Lines are handed to the operating system with each Write, and are on disk after Seal
// and Note. A last line without its end, from a crash, is cut off when the file is opened.
// One process writes to a generation at a time; nothing but the engine's order of work
// enforces it.
package ndjson
