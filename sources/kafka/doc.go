// Package kafka reads topics as a source: every partition in order, from its start to the
// fence, the last stable offset at the moment the view was opened.
//
// It asks the brokers itself and decodes raw record batches. A client that hands out
// messages hides what a bounded reader needs: where a batch ends although compaction took
// its last records, which records belong to aborted transactions, and what is a marker.
// Only the small requests (metadata, offsets, SASL) and the codecs are kafka-go's.
//
// A reader ends when its position has reached the fence, never after a number of records, and
// its position moves only by what was read or by what a broker says is not there: an answer
// without records is an outage ([OffsetCounts] accounts for each offset).
// What was lost on the way is an error that names the partition and the offsets
// ([LostRecordsError], [ChangedTopicError]); no position is ever reset.
package kafka
