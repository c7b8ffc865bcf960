package assemble

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"humpty/internal/config"
	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/projector/fold"
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

// Live has a source keep what it needs while it is captured in the state folder, and ends
// the process when that cannot be written any more. It is called before the source is
// captured or released.
func Live(source sources.Source, state State, projection string) {
	switch s := source.(type) {
	case *fold.Source:
		if inner, ok := s.Inner.(*fold.Source); ok {
			Live(inner, state, projection)
			return
		}
		s.Store = &fold.StoreOptions{Dir: state.of(projection, "events"), Fatal: state.Fatal}
	case *join.Source:
		s.Store = &fold.StoreOptions{Dir: state.of(projection, "links"), Fatal: state.Fatal}
		Live(s.Root, state, projection)
		for _, in := range s.Includes {
			Live(in.From, state, projection)
		}
	}
}

// Databases are the parts of a source that are tables.
func Databases(source sources.Source) []*postgres.Source {
	switch s := source.(type) {
	case *postgres.Source:
		return []*postgres.Source{s}
	case *join.Source:
		all := Databases(s.Root)
		for _, in := range s.Includes {
			all = append(all, Databases(in.From)...)
		}
		return all
	}
	return nil
}

// Preflight is what all tables of a source would meet in a live run; each of them has a slot of
// its own.
func Preflight(ctx context.Context, source sources.Source, unindexed bool) (all problem.List, err error) {
	for _, database := range Databases(source) {
		found, err := database.Preflight(ctx, unindexed)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// rowsField is the field in which mix.Gather gives what belongs together.
const rowsField = "rows"

// Letters has events that a source cannot read or apply become letters. It is called
// before the source is opened.
func Letters(source sources.Source, to *deadletter.Writer) {
	switch s := source.(type) {
	case *fold.Source:
		s.Letters = to
		Letters(s.Inner, to)
	case *join.Source:
		Letters(s.Root, to)
		for _, in := range s.Includes {
			Letters(in.From, to)
		}
	}
}
