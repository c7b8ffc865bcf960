package postgres

import (
	"fmt"
	"strings"

	"humpty/internal/problem"
	"humpty/sources/postgres/session"
)

// unindexedJoins are the joins between a changed row and its documents that no index serves.
func unindexedJoins(t *tree, allowed bool) (found problem.List) {
	look := func(n *node, rel *relation, on []string) {
		if rel.kind == 'q' || rel.indexed(on) || rel.isSmall() {
			return
		}
		found = append(found, problem.Problem{
			Place: n.shape.Place, Warning: allowed,
			What: fmt.Sprintf("include %s: table %s (about %d rows, %s) has no index on %s, so each round of catch-up reads it whole",
				n.path, rel.label, rel.rows, rel.size(), strings.Join(on, ", ")),
			Remedy: "CREATE INDEX CONCURRENTLY ON " + rel.sql + " (" + session.QuoteIdents(on) + "); or bear it: --allow-unindexed",
		})
	}
	for _, n := range t.nodes {
		if n.parent == nil {
			continue
		}
		var above []string
		for _, j := range n.parentPairs {
			above = append(above, j.parent)
		}
		look(n, n.parent.rel, above)
		if n.through != nil {
			var tail, own []string
			for _, j := range n.throughPairs {
				tail, own = append(tail, j.parent), append(own, j.child)
			}
			look(n, n.through, childColumns(n.parentPairs))
			look(n, n.through, tail)
			look(n, n.rel, own)
			continue
		}
		look(n, n.rel, childColumns(n.parentPairs))
	}
	return found
}
