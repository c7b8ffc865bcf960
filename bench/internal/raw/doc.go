// Package raw measures what no engine can beat on a machine, and what people write
// first: binary COPY, a _bulk firehose of documents from memory, a sliced scan, both ends
// at once, and a naive loop. Nothing of humpty's engine, source or sink is in between;
// only the definition of the documents is taken from there, so that rows, bytes, ids and
// versions are the same.
package raw
