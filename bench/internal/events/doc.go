// Package events makes a topic of orders' events and reads it back as fast as anybody
// can, with nothing of humpty's in between: kafka-go's Conn, one a partition.
package events
