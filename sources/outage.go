package sources

// Outages is what a Source can do beside: tell an outage from a fault.
type Outages interface {
	// IsUnavailable reports whether err, which the source, a view, a reader or a feed of it gave,
	// means that the server did not answer or ended the connection, so that the same
	// work may be done when it is back.
	IsUnavailable(err error) bool
}
