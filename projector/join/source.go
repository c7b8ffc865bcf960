package join

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"humpty/internal/field"
	"humpty/internal/problem"
	"humpty/projector/fold"
	"humpty/sources"
)

// Source gives Root's documents with their includes.
type Source struct {
	Root     sources.Source
	Includes []Include          // those that are in others behind these
	Store    *fold.StoreOptions // where live runs keep which documents were read with what; nil: there are none
}

// Include is what is spliced into a document.
type Include struct {
	Name   string     // the field that holds it
	At     []string   // path of names to the objects that it is in; empty: the document
	Parent [][]string // paths in these of the values that find it; empty: the document's id does
	Strict bool       // an object without such a field ends the run, as a slip in the definition; otherwise nothing is found
	One    bool       // an object or null; otherwise an array

	From    sources.Source // documents by key: the values, several as parts of an id (see Key)
	Rows    string         // what of such a document is included; all of it if empty
	Preload bool           // read all of it once; otherwise its views are looked up in
	Memory  int64          // of what is held: bytes in memory, 256 MB by default
	Dir     string         // where the rest goes; the system's folder for temporary files by default
}

var (
	_ sources.Source   = (*Source)(nil)
	_ sources.Replayer = (*Source)(nil)

	_ sources.PositionChecker = (*Source)(nil)
)

// path is how messages name an include.
func (in *Include) path() string {
	return strings.Join(append(in.At[:len(in.At):len(in.At)], in.Name), ".")
}

// definitionChecker is what a source can be that is looked up in: its definition is held against its
// system of record without a plan, which would cost a reading of the whole.
type definitionChecker interface {
	Check(ctx context.Context) (problem.List, error)
}

// Plan is the root's, with the problems of all.
func (s *Source) Plan(ctx context.Context) (sources.Plan, error) {
	plan, err := s.Root.Plan(ctx)
	if err != nil {
		return sources.Plan{}, err
	}
	for i := range s.Includes {
		in := &s.Includes[i]
		if plan.Fields != nil && len(in.At) == 0 {
			plan.Fields = append(plan.Fields, field.Field{Name: in.Name, Kind: field.Object, Of: "the include " + in.path()})
		}
		if !in.Preload { // its plan would cut it into partitions, which nobody reads
			if by, ok := in.From.(definitionChecker); ok {
				warnings, err := by.Check(ctx)
				if err != nil {
					return sources.Plan{}, err
				}
				plan.Warnings = append(plan.Warnings, warnings...)
			}
			plan.Notes = append(plan.Notes, fmt.Sprintf("include %s is looked up for each batch of documents", in.path()))
			continue
		}
		held, err := in.From.Plan(ctx)
		if err != nil {
			return sources.Plan{}, err
		}
		plan.Warnings = append(plan.Warnings, held.Warnings...)
		for id, start := range held.Starts {
			if plan.Starts == nil {
				plan.Starts = map[string]sources.LogStart{}
			}
			plan.Starts[in.path()+":"+id] = start
		}
		plan.Notes = append(plan.Notes, fmt.Sprintf("include %s is folded from about %d events and held", in.path(), held.Rows))
	}
	return plan, nil
}

// CheckPositions asks the root and the includes; the positions of these are behind their paths.
func (s *Source) CheckPositions(ctx context.Context, at map[string]sources.Position) (note string, err error) {
	var notes []string
	ask := func(path string, from sources.Source) error {
		checker, ok := from.(sources.PositionChecker)
		if !ok {
			return nil
		}
		of := map[string]sources.Position{}
		for id, p := range at {
			if path == "" {
				of[id] = p
			} else if id, ok := strings.CutPrefix(id, path+":"); ok {
				of[id] = p
			}
		}
		one, err := checker.CheckPositions(ctx, of)
		if one != "" {
			notes = append(notes, one)
		}
		return err
	}
	if err := ask("", s.Root); err != nil {
		return "", err
	}
	for i := range s.Includes {
		if err := ask(s.Includes[i].path(), s.Includes[i].From); err != nil {
			return "", fmt.Errorf("include %s: %w", s.Includes[i].path(), err)
		}
	}
	return strings.Join(notes, "; "), nil
}

// Watch has fn called while a view is opened.
func (s *Source) Watch(fn func(done, total, bytes int64)) {
	for i := range s.Includes {
		if r, ok := s.Includes[i].From.(sources.Replayer); ok {
			r.Watch(fn)
		}
	}
	if r, ok := s.Root.(sources.Replayer); ok {
		r.Watch(fn)
	}
}

func (s *Source) newView() *view {
	return &view{source: s, finders: make([]finder, len(s.Includes)), fences: map[string]sources.Position{}, offsets: map[string]sources.OffsetCounts{}, inputs: map[string]sources.Counts{}, read: map[string]sources.Counts{}}
}

// Open reads what is held, then opens the root and what is looked up.
func (s *Source) Open(ctx context.Context) (_ sources.View, err error) {
	v := s.newView()
	defer func() {
		if err != nil {
			err = errors.Join(err, v.Close(ctx))
		}
	}()
	for i := range s.Includes {
		if in := &s.Includes[i]; in.Preload {
			if err := v.preload(ctx, i, in); err != nil {
				return nil, fmt.Errorf("include %s: %w", in.path(), err)
			}
		}
	}
	if v.root, err = s.Root.Open(ctx); err != nil {
		return nil, err
	}
	for i := range s.Includes {
		in := &s.Includes[i]
		if in.Preload {
			continue
		}
		other, err := in.From.Open(ctx)
		if err != nil {
			return nil, fmt.Errorf("include %s: %w", in.path(), err)
		}
		v.open = append(v.open, other)
		by, ok := other.(sources.Lookup)
		if !ok {
			return nil, fmt.Errorf("include %s: its source cannot be read by key", in.path())
		}
		v.finders[i] = &viewFinder{view: by}
	}
	return v, nil
}
