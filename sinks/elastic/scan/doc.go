// Package scan reads the documents of one index: all of them, as they were when the scan
// began, or a sample.
//
// A scan opens a point in time for each shard, and a part reads whole shards: with more
// parts than shards some have nothing to do. The next page is read while one is handed out.
package scan
