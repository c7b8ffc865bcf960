package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"humpty/projector"
)

// Snapshot is the mode of histories whose runs have no live capture: nothing is written while they
// read, and an application takes the index over behind the swap.
const Snapshot projector.Writer = "snapshot"

// Modes are all ways to swap that have histories.
func Modes() []projector.Writer {
	return []projector.Writer{Snapshot, projector.WriterFreeze, projector.WriterFollow, projector.WriterHandover}
}

// Trouble is a kind of what a history does beside its writers.
type Trouble string

// The troubles. A seed draws some of those that are allowed.
const (
	Generated   Trouble = "generated"   // stored generated columns are values of documents, and filters
	Toggle      Trouble = "toggle"      // a writer more, which puts rows back to what they were at a high rate
	Crash       Trouble = "crash"       // PostgreSQL dies, and commits that nobody waited for are gone
	Identity    Trouble = "identity"    // replica identities and primary keys are changed
	Publication Trouble = "publication" // what is published is changed
	Partition   Trouble = "partition"   // tables and topics get partitions, or lose them
	Log         Trouble = "log"         // topics lose events, or are made again
	Late        Trouble = "late"        // bulk requests land at any time, once or twice
)

// Troubles are all of them.
func Troubles() []Trouble {
	return []Trouble{Generated, Toggle, Crash, Identity, Publication, Partition, Log, Late}
}

// Plan is what a seed has drawn before anything runs.
type Plan struct {
	Seed     uint64           `json:"seed"`
	Mode     projector.Writer `json:"mode"`
	Allowed  []Trouble        `json:"allowed"` // what it was drawn from
	Troubles []Trouble        `json:"troubles"`
	Acts     []*Act           `json:"acts,omitempty"`
	Schema   []string         `json:"schema"` // statements
}

// Act is one intervention in a history.
type Act struct {
	Kind  string  `json:"kind"`           // as it is counted
	On    string  `json:"on,omitempty"`   // a table or a topic
	After float64 `json:"after"`          // of the time that the first run took
	Back  int     `json:"back,omitempty"` // milliseconds after which it is put back
	Share float64 `json:"share,omitempty"`

	done atomic.Bool // or begun
}

func (p *Plan) has(t Trouble) bool { return slices.Contains(p.Troubles, t) }

// draw chooses the troubles. All are drawn, so that what is not allowed changes nothing else.
func (p Place) draw(seed uint64, mode projector.Writer) (*Plan, *rand.Rand) {
	rng := rand.New(rand.NewPCG(seed, 700+uint64(mode[1])))
	plan := &Plan{Seed: seed, Mode: mode, Allowed: p.Troubles}
	add := func(t Trouble, drawn bool) {
		if (drawn || p.Always) && slices.Contains(p.Troubles, t) {
			plan.Troubles = append(plan.Troubles, t)
		}
	}
	add(Generated, rng.IntN(2) == 0)
	add(Toggle, rng.IntN(3) == 0)
	add(Late, rng.IntN(2) == 0)
	add(Crash, rng.IntN(6) == 0)
	one := rng.IntN(8) // of these at most: each may end a run
	add(Identity, one < 2)
	add(Publication, one == 2)
	add(Partition, one == 3)
	add(Log, one == 4 || one == 5)
	return plan, rng
}

// drawActs chooses what happens to a schema, and when.
func (p *Plan) drawActs(rng *rand.Rand, s *schema) {
	act := func(kinds []string, on ...string) {
		if len(kinds) > 0 && len(on) > 0 {
			a := &Act{Kind: kinds[rng.IntN(len(kinds))], On: on[rng.IntN(len(on))], After: 1.5 * rng.Float64(), Share: rng.Float64()}
			if strings.HasSuffix(a.Kind, putBack) {
				a.Back = rng.IntN(1500)
			}
			p.Acts = append(p.Acts, a)
		}
	}
	live := p.Mode != Snapshot
	if p.has(Crash) {
		for range 1 + rng.IntN(3) {
			act([]string{crashed}, "PostgreSQL")
		}
	}
	for range 1 + rng.IntN(2) {
		var tables, topics []string
		for _, t := range s.topics {
			topics = append(topics, t.name)
		}
		switch {
		case p.has(Identity) && live:
			if rng.IntN(2) == 0 {
				tables = s.names(func(t *table) bool { return t.identity == "index" || t.identity == "full" })
				act([]string{identityPoorer, identityPoorer + putBack}, tables...)
				break
			}
			if tables = s.names(func(t *table) bool { return t.identity == "index" }); len(tables) > 0 && rng.IntN(2) == 0 {
				act([]string{identityAnother, identityFull}, tables...)
				break
			}
			act([]string{keyRemade}, s.names(func(t *table) bool { return !t.partitioned })...)
		case p.has(Publication) && live:
			tables = s.names(func(t *table) bool { return !t.partitioned })
			act([]string{publishedLess, publishedLess + putBack, publishedRows, publishedRows + putBack}, tables...)
		case p.has(Partition):
			if len(topics) > 0 && rng.IntN(2) == 0 {
				act([]string{partitionOfTopic}, topics...)
				break
			}
			if live { // what a snapshot is of is not known here
				act([]string{partitionAdded, partitionDetached}, s.names(func(t *table) bool { return t.partitioned })...)
			}
		case p.has(Log) && live:
			act([]string{logCut, logCutToEnd, logAgain}, topics...)
		case p.has(Log):
			act([]string{logCut, logCutToEnd}, topics...)
		}
	}
}

// putBack ends the kinds that last for a moment only.
const putBack = ", put back"

// due is when an act comes, where the first run took so long.
func (a *Act) due(first time.Duration) time.Duration {
	return time.Duration(a.After * float64(first))
}

func (a *Act) String() string { return fmt.Sprintf("%s (%s)", a.Kind, a.On) }
