// Package decode reads the bytes of events: JSON values, and the envelopes of Debezium. Where
// the document's id and the event's type are found is a [Locator].
package decode
