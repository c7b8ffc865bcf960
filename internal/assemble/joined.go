package assemble

import (
	"fmt"
	"strings"

	"humpty/internal/config"
	"humpty/projector/join"
	"humpty/sources"
	"humpty/sources/postgres"
)

// joinedSource splices a projection's includes from other sources into what root gives.
func joinedSource(c *config.Config, p config.Projection, root sources.Source) (sources.Source, error) {
	if len(p.Joined) == 0 {
		return root, nil
	}
	s := &join.Source{Root: root}
	for _, j := range p.Joined {
		include, err := includeOf(c, p, j)
		if err != nil {
			return nil, fmt.Errorf("include %s: %w", j.Name, err)
		}
		s.Includes = append(s.Includes, include)
	}
	return s, nil
}

func includeOf(c *config.Config, p config.Projection, j config.Joined) (join.Include, error) {
	include := join.Include{Name: j.Name, At: j.At, Strict: j.Strict, One: j.One}
	var by [][]string
	for _, on := range j.On {
		parent := []string{on.Parent}
		if !j.Strict {
			parent = strings.Split(on.Parent, ".")
		}
		include.Parent = append(include.Parent, parent)
		by = append(by, strings.Split(on.Child, "."))
	}
	if j.Events == nil {
		shape := *j.Shape
		shape.Name = j.Name
		root, err := postgres.LookupShape(shape)
		if err != nil {
			return include, err
		}
		include.Rows = j.Name
		include.From, err = database(c, config.Projection{Source: j.Source, Document: root, NotFinite: p.NotFinite}, true)
		return include, err
	}
	states, err := foldedSource(c, j.Events)
	if err != nil {
		return include, err
	}
	include.Preload, include.Memory, include.Dir, include.From = true, states.Memory, states.Dir, states
	if len(by) > 0 {
		var order []join.Order
		for _, o := range j.OrderBy {
			order = append(order, join.Order{Field: strings.Split(o.Column, "."), Desc: o.Desc})
		}
		include.From, include.Rows = join.Gather(states, by, j.One, order), rowsField
	}
	return include, nil
}

// rowsField is the field in which join.Gather gives what belongs together.
const rowsField = "rows"
