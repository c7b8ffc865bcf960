package dlq

import (
	"slices"

	"github.com/spf13/cobra"

	"humpty/internal/deadletter"
)

// Selection is which dead letters a verb is about.
type Selection struct {
	Run string // empty: all

	kind string
	ids  []string
}

// Flags adds those that choose.
func (s *Selection) Flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.Run, "run", "", "only those of this run; of all by default")
	f.StringVar(&s.kind, "type", "", "only those of this type, as `humpty dlq list` shows it")
	f.StringSliceVar(&s.ids, "id", nil, "only these documents; may be given several times")
}

// Matches tells whether a letter is one of them; an event has no id.
func (s *Selection) Matches(l deadletter.Letter) bool {
	if s.kind != "" && l.Type != s.kind {
		return false
	}
	return len(s.ids) == 0 || l.Document != nil && slices.Contains(s.ids, l.ID)
}
