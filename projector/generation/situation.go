package generation

import (
	"fmt"
	"strings"

	"humpty/sinks"
)

// Situation is what a run finds at its start.
type Situation struct {
	Kind string `json:"kind"` // first | lost | partial | live | trap | shared
	Text string `json:"text"`
}

// SituationOf explains what a survey means for a rebuild.
func SituationOf(s sinks.Survey) Situation {
	switch {
	case s.Conflict != nil:
		return Situation{"trap", fmt.Sprintf(
			"an index sits on the alias's own name %q (%d documents): a writer made it while the alias was gone. "+
				"The new generation will be loaded and verified, but the alias can only be set when that index is deleted. "+
				"Keep writers from making it again: set action.auto_create_index to exclude %q, or let them write with require_alias=true.",
			s.Alias, s.Conflict.Documents, s.Alias)}
	case len(s.Serving) > 1:
		names := make([]string, len(s.Serving))
		for i, serving := range s.Serving {
			names[i] = serving.Index
		}
		return Situation{"shared", fmt.Sprintf("alias %s spans several indices (%s); after the swap it serves the new generation only",
			s.Alias, strings.Join(names, ", "))}
	case s.Partial() != "":
		return Situation{"partial", fmt.Sprintf("alias %s serves %s for searches, which is partial: it was never completed; it goes on serving until the swap",
			s.Alias, s.Partial())}
	case len(s.Serving) == 1:
		return Situation{"live", fmt.Sprintf("alias %s serves %s (%d documents), which goes on serving until the swap and is kept after it",
			s.Alias, s.Serving[0].Index, s.Serving[0].Documents)}
	case len(s.Generations) > 0:
		return Situation{"lost", fmt.Sprintf(
			"alias %s does not exist, though there are generations of it: its index was deleted. Searches fail until the swap. "+
				"Until then writers may create an index on the alias's name: set action.auto_create_index to exclude %q, or write with require_alias=true.",
			s.Alias, s.Alias)}
	}
	return Situation{"first", fmt.Sprintf(
		"alias %s does not exist: this is its first generation, or everything was lost. "+
			"Until the swap writers may create an index on the alias's name: set action.auto_create_index to exclude %q, or write with require_alias=true.",
		s.Alias, s.Alias)}
}
