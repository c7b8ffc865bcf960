package render

import (
	"fmt"
	"strings"

	"humpty/internal/ui"
	"humpty/sinks"
)

// Listed makes empty lists of absent ones, so that scripts need not tell them apart.
func Listed(s sinks.Survey) sinks.Survey {
	if s.Serving == nil {
		s.Serving = []sinks.Serving{}
	}
	if s.Generations == nil {
		s.Generations = []sinks.Generation{}
	}
	return s
}

// Serves says what an alias serves.
func Serves(s sinks.Survey) string {
	if len(s.Serving) == 0 {
		return fmt.Sprintf("alias %s does not exist", s.Alias)
	}
	var all []string
	for _, v := range s.Serving {
		foreign := ""
		switch {
		case !v.Ours:
			foreign = ", not made by humpty"
		case s.Partial() == v.Index:
			foreign = ", partial: not completed; writes through the alias are refused"
		}
		all = append(all, fmt.Sprintf("%s (%s documents%s)", v.Index, Known(v.Documents, ui.Count), foreign))
	}
	return fmt.Sprintf("alias %s serves %s", s.Alias, strings.Join(all, ", "))
}

// Verified is at which level a generation was verified, and how many of its documents are
// refused: these are not as the source has them.
func Verified(m sinks.Meta, refused int64) string {
	text := "no"
	if m.Verified != nil {
		text = m.Verified.Level
		if m.Verified.Moving > 0 {
			text += fmt.Sprintf(" (%s moving)", ui.Count(m.Verified.Moving))
		}
	}
	if refused > 0 {
		text += fmt.Sprintf(", %s refused", ui.Count(refused))
	}
	return text
}

// Generations is a line for each.
func Generations(all []sinks.Generation) string {
	var b strings.Builder
	for _, g := range all {
		fmt.Fprintf(&b, "  %s (%s, %s documents, %s)\n", g.Name, g.Meta.State, Known(g.Documents, ui.Count), Known(g.Bytes, ui.Bytes))
	}
	return b.String()
}
