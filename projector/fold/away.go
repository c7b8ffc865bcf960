package fold

import "humpty/sources"

var _ sources.Outages = (*Source)(nil)

// IsUnavailable asks the source of the events.
func (s *Source) IsUnavailable(err error) bool {
	inner, ok := s.Inner.(sources.Outages)
	return ok && inner.IsUnavailable(err)
}
