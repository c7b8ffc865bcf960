package ledger

import (
	"humpty/internal/deadletter"
	"humpty/sinks"
)

// RejectedBySource is the type of a rejection that no target was asked about.
const RejectedBySource = "source"

// Letter keeps a document that was refused, with its body.
func Letter(index string, d sinks.Document, kind, reason string) deadletter.Letter {
	return deadletter.Letter{
		Document: &deadletter.Document{
			Index: index, ID: string(d.ID), Routing: string(d.Routing), Version: d.Version, Body: d.Body,
		},
		Type: kind, Reason: reason,
	}
}
