package generation

import (
	"humpty/projector/ledger"
	"humpty/sinks"
)

// refusedNamed is how many refused documents an index names: they are a part of its mapping.
const refusedNamed = 1000

// NoteRefused puts into the meta of a generation what it does not have as its sources do, so
// that a later comparison can tell it from what was lost.
func NoteRefused(m *sinks.Meta, refusals *ledger.Refusals, poison int64) {
	m.Refused = nil
	if refusals.Len() == 0 && poison == 0 {
		return
	}
	m.Refused = &sinks.Refused{Documents: refusals.Len(), Poison: poison}
	for _, one := range refusals.First(refusedNamed) {
		m.Refused.Known = append(m.Refused.Known, sinks.RefusedDocument{ID: one.ID, Type: one.Type, Document: one.Document})
	}
}

// RefusedOf are the documents that a generation names as refused.
func RefusedOf(m sinks.Meta) (all []ledger.Rejection) {
	if m.Refused == nil {
		return nil
	}
	for _, one := range m.Refused.Known {
		all = append(all, ledger.Rejection{ID: one.ID, Type: one.Type, Document: one.Document})
	}
	return all
}
