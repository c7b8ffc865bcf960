package fold

import "humpty/sources"

var _ sources.Outages = (*Source)(nil)

// Away asks the source of the events.
func (s *Source) Away(err error) bool {
	inner, ok := s.Inner.(sources.Outages)
	return ok && inner.Away(err)
}
