package join

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"humpty/sources"
)

// liveView is documents as they are at each read.
type liveView struct {
	*view
	root         sources.Expander
	targets      []includeTarget
	stateFinders []*stateFinder
	parts        []sources.View // opened, of all parts
}

// includeTarget is how the documents are found that an include's keys concern.
type includeTarget struct {
	view   sources.Expander
	states *stateFinder // nil: the keys of the view are the include's
	byID   bool         // they are the documents' ids
	n      int          // parts of a key
	links  linkTable
}

var (
	_ sources.Expander      = (*liveView)(nil)
	_ sources.PoisonCounter = (*liveView)(nil)
	_ sources.EndOffsets    = (*liveView)(nil)
	_ sources.OffsetCounter = (*liveView)(nil)
)

// OffsetCounts are those of all parts, of includes behind their paths.
func (v *liveView) OffsetCounts() map[string]sources.OffsetCounts {
	all := map[string]sources.OffsetCounts{}
	for i, part := range v.parts {
		counter, ok := part.(sources.OffsetCounter)
		if !ok {
			continue
		}
		for id, c := range counter.OffsetCounts() {
			if i > 0 {
				id = v.source.Includes[i-1].path() + ":" + id
			}
			all[id] = c
		}
	}
	return all
}

// Open gives a view of the present of all parts.
func (f *feed) Open(ctx context.Context) (_ sources.View, err error) {
	s := f.source
	v := &liveView{view: s.newView()}
	v.links = f.links
	if !f.links.db.Acquire() { // the feed ended meanwhile
		return nil, context.Cause(f.ctx)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.Close(ctx))
		}
	}()
	for i, p := range f.parts {
		opened, err := openPart(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", partLabel(p.name), err)
		}
		v.parts = append(v.parts, opened)
		reread, ok := opened.(sources.Expander)
		if !ok {
			return nil, fmt.Errorf("%s: %w", partLabel(p.name), errNotLive)
		}
		if i == 0 {
			v.view.root, v.root = opened, reread
			continue
		}
		if err := v.include(ctx, i-1, reread); err != nil {
			return nil, fmt.Errorf("%s: %w", partLabel(p.name), err)
		}
		if fenced, ok := opened.(sources.EndOffsets); ok {
			for id, at := range fenced.EndOffsets() {
				v.fences[p.name+":"+id] = at
			}
		}
	}
	return v, nil
}

func openPart(ctx context.Context, p *part) (sources.View, error) {
	if opener, ok := p.feed.(sources.ViewOpener); ok {
		return opener.Open(ctx)
	}
	return p.source.Open(ctx)
}

// include makes what finds one, and whom its changes concern.
func (v *liveView) include(ctx context.Context, i int, from sources.Expander) error {
	in := &v.source.Includes[i]
	to := includeTarget{view: from, byID: len(in.Parent) == 0, n: max(len(in.Parent), 1), links: linkTable{v.links, uint16(3 * i)}}
	v.finders[i] = &viewFinder{view: from}
	if _, by := in.arraySource(); by != nil {
		r := &stateFinder{states: from, array: by, statesByKey: linkTable{v.links, uint16(3*i + 1)}, keysByState: linkTable{v.links, uint16(3*i + 2)}}
		if err := r.backfill(ctx); err != nil {
			return err
		}
		v.finders[i], to.states = r, r
		v.stateFinders = append(v.stateFinders, r)
	}
	v.targets = append(v.targets, to)
	return nil
}

// Close closes the views of all parts.
func (v *liveView) Close(ctx context.Context) error {
	var errs []error
	for _, p := range v.parts {
		errs = append(errs, p.Close(ctx))
	}
	return errors.Join(append(errs, v.links.db.Release())...)
}

// PoisonCount is the sum of all parts, and of states that no document could be made of.
func (v *liveView) PoisonCount() (n int64) {
	for _, p := range v.parts {
		if tainted, ok := p.(sources.PoisonCounter); ok {
			n += tainted.PoisonCount()
		}
	}
	for _, r := range v.stateFinders {
		n += r.poisonCount()
	}
	return n
}

// Expand finds the documents that marks of the root and of includes concern.
func (v *liveView) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	byPart := map[string][]sources.DirtyKey{}
	for _, m := range marks {
		part, inner := splitNode(m.Node)
		m.Node = inner
		byPart[part] = append(byPart[part], m)
	}
	snapshot := liveSnapshot()
	if rootKeys := byPart[""]; len(rootKeys) > 0 {
		var err error
		if snapshot, err = v.root.Expand(ctx, rootKeys, fn); err != nil {
			return snapshot, err
		}
	}
	for i := range v.source.Includes {
		path := v.source.Includes[i].path()
		if len(byPart[path]) == 0 {
			continue
		}
		one, err := v.expand(ctx, &v.targets[i], byPart[path], fn)
		if err != nil {
			return snapshot, fmt.Errorf("include %s: %w", path, err)
		}
		snapshot = intersect(snapshot, one)
	}
	return snapshot, nil
}

// expand goes from the marks of an include to its keys, and from these to the documents
// that were ever read with them.
func (v *liveView) expand(ctx context.Context, to *includeTarget, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	return to.view.Expand(ctx, marks, func(keys [][]byte) (err error) {
		if to.states != nil {
			if keys, err = to.states.updateLinks(ctx, keys); err != nil {
				return err
			}
		}
		if to.byID {
			return fn(keys)
		}
		var ids [][]byte
		for _, key := range keys {
			err := to.links.each(looseKey(key, to.n), func(id []byte) error {
				ids = append(ids, bytes.Clone(id))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return fn(ids)
	})
}
