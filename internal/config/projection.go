package config

import (
	"encoding/json"
	"slices"
	"time"

	"humpty/sources"
)

// Projection is the definition of one read model.
type Projection struct {
	Name         string
	Place        string
	Source       string
	Target       string
	Alias        string
	Index        json.RawMessage // settings and mappings, as the target takes them
	Versions     string          // class | column: that of Document.Version
	NotFinite    string          // what becomes of NaN and Infinity: reject | null
	Live         bool            // what others write while the source is read is caught up with
	CatchUp      *CatchUp        // how, without logical decoding; nil: by that
	Writer       string          // handover | freeze | follow: who writes besides a rebuild
	FeedPrevious time.Duration   // follow: how long the generation before is fed after a swap; 0: not at all, FeedAlways: without end
	Verify       Verify
	Limits       Limits
	Load         IndexLoad
	Keep         int // generations besides the live one
	Priority     int // the highest come first where several are rebuilt
	Document     sources.Shape
	Events       *Events  // the document is made of events, not of Document
	Joined       []Joined // includes from another source than their parent's
	Hash         string   // of what makes the documents and the index; not of connections and limits

	Definition json.RawMessage // what Hash is of
}

// FeedAlways is keep.feed_previous: true.
const FeedAlways time.Duration = -1

// CatchUp is how changes are told by a column.
type CatchUp struct {
	TimestampColumn string
	Margin          time.Duration // how late a row may become visible after its time
}

// Verify says how a generation is proven before the swap.
type Verify struct {
	Level   string        // count | sample | full
	Budget  time.Duration // of a full comparison; 0: no limit
	Ignore  []string      // fields that may differ
	Queries []Query
}

// Query is a search that a generation must answer as expected.
type Query struct {
	Name        string
	Place       string
	Body        json.RawMessage
	MinHits     int64
	MaxHits     int64 // -1: any number
	MustInclude []string
	MaxLatency  time.Duration // 0: any
}

// Limits of a run.
type Limits struct {
	Rejections int64
	Poison     int64
	Follow     FollowLimits
	InFlight   int64 // bytes
	Writers    int
	Batch      int64                 // bytes
	Rate       int64                 // bytes/s; 0: no limit
	Brake      map[int]time.Duration // by percentile of searches; nil: none
	MaxOutage  time.Duration         // how long a server that went away is waited for
	Shrink     float64               // most share of the documents that a swap may lose
}

// FollowLimits are how much may be refused or unreadable while a projection is followed: what
// the file says for a rebuild, or, where it says nothing, so many that one bad row does not
// hold up all others.
type FollowLimits struct{ Rejections, Poison int64 }

// IndexLoad is how the target's index is filled.
type IndexLoad struct {
	MaxSegments int               // 0: segments are left as they are
	Nodes       map[string]string // attributes of the nodes to load on; nil: any
}

// SourceNames are the names of the sources that a projection reads from, each once.
func (p Projection) SourceNames() []string {
	all := []string{p.Source}
	if p.Events != nil {
		all = append(all, p.Events.Source)
	}
	for _, j := range p.Joined {
		if all = append(all, j.Source); j.Events != nil {
			all = append(all, j.Events.Source)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" })
}

// databases are the PostgreSQL sources of a projection.
func (p *Projection) databases() (all []string) {
	if p.Events == nil {
		all = append(all, p.Source)
	}
	for _, j := range p.Joined {
		if j.Shape != nil && !slices.Contains(all, j.Source) {
			all = append(all, j.Source)
		}
	}
	return all
}

// Database is the PostgreSQL source whose tables the projection reads, the root's if that
// is a table; empty if it reads topics alone.
func (p *Projection) Database() string {
	if all := p.databases(); len(all) > 0 {
		return all[0]
	}
	return ""
}
