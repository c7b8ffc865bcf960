package join

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"humpty/projector/fold"
	"humpty/sources"
)

var (
	_ sources.Capturer     = (*Source)(nil)
	_ sources.Outages      = (*Source)(nil)
	_ sources.ViewOpener   = (*feed)(nil)
	_ sources.FenceLocator = (*feed)(nil)
	_ sources.Replayer     = (*Source)(nil)
)

// part is a source of a document on its own: the root's, or an include's.
type part struct {
	name    string // the path of the include; empty for the root
	capture string // of its source
	source  sources.Source
	feed    sources.ChangeStream
}

// parts are the root's and those of the includes, in their order. What is gathered of the
// states of a topic is captured by these.
func (s *Source) parts(name string) []*part {
	all := []*part{{capture: name, source: s.Root}}
	for i := range s.Includes {
		in := &s.Includes[i]
		p := &part{name: in.path(), capture: name + "_part" + strconv.Itoa(i+1), source: in.From}
		if states, _ := in.arraySource(); states != nil {
			p.source = states
		}
		all = append(all, p)
	}
	return all
}

// arraySource are the states and what gathers them, where an include is found by its own
// fields.
func (in *Include) arraySource() (states, by *fold.Source) {
	outer, ok := in.From.(*fold.Source)
	if !ok {
		return nil, nil
	}
	if _, ok := outer.Decoder.(byFields); !ok {
		return nil, nil
	}
	states, _ = outer.Inner.(*fold.Source)
	return states, outer
}

// errNotLive is for a part that cannot be captured.
var errNotLive = errors.New("what is there cannot tell what changes: use consistency: snapshot")

// Capture captures all parts. Tables have to be of one database: what a read of them saw is
// told by its transactions.
func (s *Source) Capture(ctx context.Context, name string, from sources.Position) (_ sources.ChangeStream, err error) {
	if s.Store == nil {
		return nil, errors.New("mix: there is no folder for the links of a live run")
	}
	at := map[string]sources.Position{}
	if from != "" {
		if err := json.Unmarshal([]byte(from), &at); err != nil {
			return nil, fmt.Errorf("mix: position %q cannot be read: %w", from, err)
		}
	}
	f := &feed{source: s, at: at, changes: make(chan partChanges, 64), pendingFences: map[partFence]*fence{}}
	if f.links, err = openLinkStore(s.Store.Dir(name), s.Store.Fatal); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.closeParts(ctx), f.links.db.Release())
		}
	}()
	if err := f.links.checkBegun(from == ""); err != nil {
		return nil, err
	}
	for _, p := range s.parts(name) {
		live, ok := p.source.(sources.Capturer)
		if !ok {
			return nil, fmt.Errorf("%s: %w", partLabel(p.name), errNotLive)
		}
		if p.feed, err = live.Capture(ctx, p.capture, at[p.name]); err != nil {
			return nil, fmt.Errorf("%s: %w", partLabel(p.name), err)
		}
		f.parts = append(f.parts, p)
	}
	f.start(ctx)
	return f, nil
}

func partLabel(part string) string {
	if part == "" {
		return "the document itself"
	}
	return "include " + part
}

// Release drops what the captures of all parts left, and the links.
func (s *Source) Release(ctx context.Context, name string) error {
	var errs []error
	for _, p := range s.parts(name) {
		if live, ok := p.source.(sources.Capturer); ok {
			errs = append(errs, live.Release(ctx, p.capture))
		}
	}
	if s.Store != nil {
		errs = append(errs, os.RemoveAll(s.Store.Dir(name)))
	}
	return errors.Join(errs...)
}

// IsUnavailable asks the parts.
func (s *Source) IsUnavailable(err error) bool {
	for _, p := range s.parts("") {
		if out, ok := p.source.(sources.Outages); ok && out.IsUnavailable(err) {
			return true
		}
	}
	return false
}

// partChanges is what a part's feed gave.
type partChanges struct {
	part    int
	changes sources.ChangeSet
}

// partFence is a fence of a part.
type partFence struct {
	part int
	id   string
}

// fence is passed when those of all parts are.
type fence struct {
	id      string
	pending int
}

// feed is those of all parts in one.
type feed struct {
	source *Source
	links  *linkStore
	parts  []*part

	changes chan partChanges
	group   *errgroup.Group
	ctx     context.Context //nolint:containedctx // of those who wait for the parts, who live as long as the feed
	stop    context.CancelCauseFunc

	mu            sync.Mutex
	at            map[string]sources.Position // given out, by part
	pendingFences map[partFence]*fence
	fences        int
}

func (f *feed) start(ctx context.Context) {
	ctx, f.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	f.group, f.ctx = errgroup.WithContext(ctx)
	for i, p := range f.parts {
		f.group.Go(func() error {
			for {
				c := partChanges{part: i}
				if err := p.feed.Next(f.ctx, &c.changes); err != nil {
					return fmt.Errorf("%s: %w", partLabel(p.name), err)
				}
				select {
				case f.changes <- c:
				case <-f.ctx.Done():
					return context.Cause(f.ctx)
				}
			}
		})
	}
}

// includePrefix begins the node of a mark of an include; its path and then the node of its
// own source follow.
const includePrefix = "@"

// Next gives what one of the parts gave, as marks of this document.
func (f *feed) Next(ctx context.Context, m *sources.ChangeSet) error {
	select {
	case c := <-f.changes:
		f.deliver(c, m)
		return nil
	case <-f.ctx.Done():
		return context.Cause(f.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *feed) deliver(c partChanges, m *sources.ChangeSet) {
	p := f.parts[c.part]
	*m = sources.ChangeSet{Xid: c.changes.Xid}
	for _, mark := range c.changes.Keys {
		switch {
		case p.name == "":
		case mark.All: // of what is included: no key says which documents those are
			mark = sources.DirtyKey{All: true}
		default:
			mark.Node = includePrefix + p.name + "/" + mark.Node
		}
		m.Keys = append(m.Keys, mark)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.changes.Position != "" {
		f.at[p.name] = c.changes.Position
	}
	if text, err := json.Marshal(f.at); err == nil { // a map of texts always can be
		m.Position = sources.Position(text)
	}
	at := partFence{c.part, c.changes.Fence}
	if fence := f.pendingFences[at]; fence != nil {
		delete(f.pendingFences, at)
		if fence.pending--; fence.pending == 0 {
			m.Fence = fence.id
		}
	}
}

// Fence puts one into each part. It is passed when all of them are.
func (f *feed) Fence(ctx context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fences++
	whole := &fence{id: "mix " + strconv.Itoa(f.fences), pending: len(f.parts)}
	for i, p := range f.parts {
		id, err := p.feed.Fence(ctx)
		if err != nil {
			return "", fmt.Errorf("%s: %w", partLabel(p.name), err)
		}
		f.pendingFences[partFence{i, id}] = whole
	}
	return whole.id, nil
}

// Acknowledge tells each part its own.
func (f *feed) Acknowledge(ctx context.Context, to sources.Position) error {
	at := map[string]sources.Position{}
	if err := json.Unmarshal([]byte(to), &at); err != nil {
		return fmt.Errorf("mix: position %q cannot be read: %w", to, err)
	}
	for _, p := range f.parts {
		if position := at[p.name]; position != "" {
			if err := p.feed.Acknowledge(ctx, position); err != nil {
				return fmt.Errorf("%s: %w", partLabel(p.name), err)
			}
		}
	}
	return nil
}

// Lag is the sum of all parts.
func (f *feed) Lag(ctx context.Context) (behind, held int64, err error) {
	for _, p := range f.parts {
		b, h, err := p.feed.Lag(ctx)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", partLabel(p.name), err)
		}
		behind, held = behind+b, held+h
	}
	return behind, held, nil
}

// FenceOffsets are those of all topics, of includes behind their paths.
func (f *feed) FenceOffsets() map[string]sources.Position {
	all := map[string]sources.Position{}
	for _, p := range f.parts {
		placed, ok := p.feed.(sources.FenceLocator)
		switch {
		case !ok:
		case p.name == "":
			maps.Copy(all, placed.FenceOffsets())
		default:
			for id, at := range placed.FenceOffsets() {
				all[p.name+":"+id] = at
			}
		}
	}
	return all
}

var errClosed = errors.New("mix: the feed is closed")

// Close ends the feeds of all parts.
func (f *feed) Close(ctx context.Context) error {
	f.stop(errClosed)
	err := f.group.Wait()
	if errors.Is(err, errClosed) {
		err = nil
	}
	return errors.Join(err, f.closeParts(ctx), f.links.db.Release())
}

func (f *feed) closeParts(ctx context.Context) error {
	var errs []error
	for _, p := range f.parts {
		errs = append(errs, p.feed.Close(ctx))
	}
	return errors.Join(errs...)
}

// splitNode takes the node of a mark apart.
func splitNode(node string) (part, inner string) {
	rest, ok := strings.CutPrefix(node, includePrefix)
	if !ok {
		return "", node
	}
	part, inner, _ = strings.Cut(rest, "/")
	return part, inner
}
