package assemble

import (
	"fmt"

	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/sinks"
)

// Stored is a projection by the definition that made a generation: the file's, or the one that
// is stored in the state folder of its run. A *problem.Refusal says why there is none to use.
func (s State) Stored(c *config.Config, p config.Projection, g sinks.Generation) (config.Projection, error) {
	if g.Meta.Definition == p.Hash {
		return p, nil
	}
	text, err := s.Definition(p.Name, g.Meta.Run)
	if err != nil {
		return p, err
	}
	remedy := fmt.Sprintf("put the definition back, or make a generation of the present one: humpty rebuild %s", p.Name)
	if text == nil {
		return p, &problem.Refusal{
			Why:    fmt.Sprintf("the definition that made %s is not stored in the state folder %s: it is of an earlier version, or of another machine", g.Name, s.Dir),
			Remedy: remedy,
		}
	}
	of, err := c.Stored(p, text, g.Meta.Definition)
	if err != nil {
		return p, &problem.Refusal{
			Why:    fmt.Sprintf("the definition of %s that is stored in the state folder %s cannot be used: %v", g.Name, s.Dir, err),
			Remedy: remedy,
			Err:    err,
		}
	}
	return of, nil
}
