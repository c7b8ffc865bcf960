package strain

// Outages is what a Target can do beside: tell an outage from a fault.
type Outages interface {
	// Away reports whether err, which the target or an index of it gave, means that the
	// servers did not answer or forgot what they were asked before, so that the same
	// work may be done when they are back.
	Away(err error) bool
}
