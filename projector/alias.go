package projector

import (
	"fmt"
	"slices"
	"strings"

	"humpty/internal/problem"
	"humpty/sinks"
)

// gateAlias refuses to take an alias away from what somebody else made it serve while this
// process was at work. That what it served is gone is why there are rebuilds.
func (n *run) gateAlias(now sinks.Survey) error {
	other := slices.DeleteFunc(servingNames(now), func(name string) bool {
		return name == n.record.Generation || slices.Contains(servingNames(n.survey), name)
	})
	if len(other) == 0 {
		return nil
	}
	how := fmt.Sprintf("humpty swap %s --to %s", n.Projection.Name, n.record.Generation)
	if n.Live != nil {
		how = "humpty resume " + n.record.Run
	}
	return &problem.Refusal{
		Why: fmt.Sprintf("somebody else changed alias %s in the meantime: it serves %s, and served %s; generation %s is ready and was not swapped",
			n.Projection.Alias, strings.Join(other, ", "), orNothing(servingNames(n.survey)), n.record.Generation),
		Remedy: fmt.Sprintf("find out who did it, and why (humpty status %s); if the new generation is to serve all the same: %s", n.Projection.Name, how),
	}
}

// noticeAlias tells of an alias that was changed while no process was at work on the run. It
// goes on from there: that is what was asked for.
func (n *run) noticeAlias() {
	was, is := n.record.Previous, n.survey.Live()
	if is == was || slices.Contains(servingNames(n.survey), n.record.Generation) {
		return
	}
	n.observer.Notice(fmt.Sprintf("alias %s was changed since the run began: it served %s, and serves %s", n.Projection.Alias,
		orNothing([]string{was}), orNothing(servingNames(n.survey))))
	n.record.Previous = is
}

func servingNames(s sinks.Survey) (names []string) {
	for _, serving := range s.Serving {
		names = append(names, serving.Index)
	}
	return names
}

func orNothing(names []string) string {
	if text := strings.Join(names, ", "); text != "" {
		return text
	}
	return "nothing"
}
