// Package read reads the pages of a tree and merges them into documents, partition by partition
// or by their keys, in one snapshot or as they are now.
package read
