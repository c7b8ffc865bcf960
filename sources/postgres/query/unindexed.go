package query

import (
	"fmt"
	"strings"

	"humpty/internal/problem"
	"humpty/sources/postgres/session"
)

// UnindexedJoins are the joins between a changed row and its documents that no index serves.
func UnindexedJoins(t *Tree, allowed bool) (found problem.List) {
	look := func(n *Node, rel *Relation, on []string) {
		if rel.Kind == 'q' || rel.Indexed(on) || rel.IsSmall() {
			return
		}
		found = append(found, problem.Problem{
			Place: n.Shape.Place, Warning: allowed,
			What: fmt.Sprintf("include %s: table %s (about %d rows, %s) has no index on %s, so each round of catch-up reads it whole",
				n.Path, rel.Label, rel.Rows, rel.Size(), strings.Join(on, ", ")),
			Remedy: "CREATE INDEX CONCURRENTLY ON " + rel.SQL + " (" + session.QuoteIdents(on) + "); or bear it: --allow-unindexed",
		})
	}
	for _, n := range t.Nodes {
		if n.Parent == nil {
			continue
		}
		var above []string
		for _, j := range n.ParentPairs {
			above = append(above, j.parent)
		}
		look(n, n.Parent.Relation, above)
		if n.through != nil {
			var tail, own []string
			for _, j := range n.throughPairs {
				tail, own = append(tail, j.parent), append(own, j.child)
			}
			look(n, n.through, childColumns(n.ParentPairs))
			look(n, n.through, tail)
			look(n, n.Relation, own)
			continue
		}
		look(n, n.Relation, childColumns(n.ParentPairs))
	}
	return found
}
