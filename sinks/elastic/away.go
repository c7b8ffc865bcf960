package elastic

import (
	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

var _ sinks.Outages = (*Target)(nil)

// IsUnavailable implements sinks.Outages.
func (*Target) IsUnavailable(err error) bool { return transport.IsUnavailable(err) }
