// Package jsonbytes reads the answers of Elasticsearch and OpenSearch without decoding them,
// and writes strings into requests: a bulk answer has an item for each document, and a page
// of a scan holds megabytes of bodies that are passed on byte for byte.
package jsonbytes
