package protocol

import (
	"slices"
	"testing"
)

// A small model of the end of a handover, tried in every order of its steps: one document
// that the application makes, deletes and makes again, writing each of these to the alias
// after its commit; humpty, which writes on condition behind the swap; one attempt of its
// that a proxy keeps, of the load or of a pass, and two crashes. The proxy passes it on at any
// time; the target takes it if the alias of its writer is there then, and it waits in the
// queue of a primary until it lands. When the run is over and everything has landed, the
// index must show what was committed.

const (
	handoverCommits = 4 // made, deleted, made and deleted again
	handoverReads   = 5
	handoverCrashes = 2
)

// handoverRules are what can be switched off, as in the engine's tests.
type handoverRules struct {
	endAtFence    bool // over when what was committed before the swap is settled
	endUnclean    bool // over after one pass, whatever was read again in it
	trustUnknown  bool // an attempt without an answer, or one that was refused, is taken for done
	hurry         bool // nobody waits for what is under way in the target
	forgetTouched bool // what an earlier process wrote is not written down
	swapOpen      bool // the load's alias is there when the alias is swapped
	keepAlias     bool // a pass writes through the alias of the one before
	putBack       bool // a writer whose alias is gone puts it back
}

// The application: between a commit and its write it reads what is there then.
const (
	appIdle = iota
	appReads
	appWrites
)

// What humpty does: before the swap, before and after the load's writer was shut out; a process
// that stays alive; the first fence; a pass behind it; nothing.
const (
	atSwap = iota
	atShut
	atBegin
	atFirst
	atQuiet
	atPass
	atEnd
)

// lane is a document that is brought up to date.
type lane struct {
	step uint8 // 0: none; 1: the index is to be read, 2: the source, 3: to be written
	cut  uint8 // commits that had been met when it began
	seen uint8 // of the index: 0 is absent, as often as it is
	saw  uint8 // of the source: the commit
}

type handover struct {
	committed, met, marked     uint8 // marked: the commit that the mark is of; 0: no mark
	app, appSaw                uint8
	shows, seen                uint8 // the index: the commit, and its number; 0 where it is absent
	writes                     uint8 // numbers given out
	phase, fence               uint8
	lane                       lane
	stray                      lane // an attempt that has no answer; step 0: none
	shut, queued               bool // its writer's alias is gone; the target has taken it
	ours, open, todo, restless bool
	reads, crashes, strays     uint8
}

// there reports whether a commit leaves a document.
func there(commit uint8) bool { return commit%2 == 1 }

func (m *handover) put(commit uint8) {
	m.shows = commit
	if m.seen = 0; there(commit) {
		m.writes++
		m.seen = m.writes
	}
}

// amend writes on condition that the index is as it was seen.
func (m *handover) amend(l lane) bool {
	if m.seen != l.seen {
		return false
	}
	m.put(l.saw)
	return true
}

func (m handover) next(r handoverRules, fn func(string, handover)) {
	m.application(fn)
	if m.met < m.committed {
		n := m
		n.met++
		n.marked = n.met
		fn("record a mark", n)
	}
	m.late(r, fn)
	m.work(r, fn)
	m.proceed(r, fn)
	if m.phase > atShut && m.phase < atEnd && m.crashes < handoverCrashes {
		n := m
		n.crashes++
		n.lane, n.phase, n.fence = lane{}, atBegin, n.committed
		n.ours = n.ours && !r.forgetTouched
		n.open, n.todo, n.restless = n.ours, false, false
		if m.lane.step == 3 && m.stray.step == 0 && m.strays == 0 {
			left := n
			left.stray, left.strays = m.lane, 1
			fn("crash, and an attempt goes on", left)
		}
		fn("crash", n)
	}
}

// late is what becomes of an attempt without an answer.
func (m handover) late(r handoverRules, fn func(string, handover)) {
	n := m
	switch {
	case m.stray.step == 0:
	case m.queued:
		n.amend(m.stray)
		n.stray, n.shut, n.queued = lane{}, false, false
		fn("a late attempt lands", n)
	case m.shut && !r.putBack:
		n.stray, n.shut = lane{}, false
		fn("a late attempt is refused", n)
	default:
		n.queued = true
		fn("a late attempt is passed on", n)
	}
}

// take takes the writer's alias away; false while what was sent through it is under way.
func (m *handover) take(r handoverRules, kept bool) bool {
	if m.stray.step != 0 && !m.queued && !kept {
		m.shut = true
	}
	return !m.queued || r.hurry
}

func (m handover) application(fn func(string, handover)) {
	n := m
	switch m.app {
	case appIdle:
		if m.committed < handoverCommits {
			n.committed++
			n.app = appReads
			fn("the application commits", n)
		}
	case appReads:
		n.app, n.appSaw = appWrites, m.committed
		fn("the application reads", n)
	case appWrites:
		if n.app = appIdle; m.phase > atShut { // before it, another index takes it
			n.put(m.appSaw)
		}
		fn("the application writes", n)
	}
}

// work is one step of the lane.
func (m handover) work(r handoverRules, fn func(string, handover)) {
	n := m
	later := m.phase == atPass
	switch m.lane.step {
	case 0:
		due := m.marked != 0 || later && m.todo
		if (m.phase == atFirst || later) && due && m.reads < handoverReads {
			if later && !m.ours { // it is the application's
				n.marked = 0
				fn("leave it to the application", n)
				return
			}
			n.reads++
			n.lane = lane{step: 1, cut: m.met}
			n.restless = n.restless || later
			fn("take it", n)
		}
	case 1:
		n.lane.step, n.lane.seen = 2, m.seen
		fn("read the index", n)
	case 2:
		n.lane.step, n.lane.saw = 3, m.committed
		if m.seen == m.lane.seen && there(m.shows) == there(m.committed) && (m.shows == m.committed || !there(m.committed)) {
			n.done(m.lane.cut)
			fn("read the source: it is so already", n)
			return
		}
		n.ours = true
		fn("read the source", n)
	case 3:
		n.open = !n.amend(m.lane) || m.open
		n.done(m.lane.cut)
		fn("write", n)
		if m.stray.step == 0 && m.strays == 0 { // no answer; sent again, which finds what there is
			left := m
			left.stray, left.strays, left.open = m.lane, 1, true
			left.done(m.lane.cut)
			fn("write, without an answer", left)
		}
	}
}

func (m *handover) done(cut uint8) {
	if m.marked <= cut {
		m.marked = 0
	}
	m.lane, m.todo = lane{}, false
}

// proceed is the end rule.
func (m handover) proceed(r handoverRules, fn func(string, handover)) {
	n := m
	passed := m.lane.step == 0 && m.met >= m.fence && (m.marked == 0 || m.marked > m.fence)
	switch m.phase {
	case atSwap:
		if m.stray.step == 0 && m.strays == 0 && there(m.committed) { // of the load: it lands where nothing is
			left := m
			left.stray, left.strays = lane{step: 3, saw: m.committed}, 1
			fn("a bulk of the load has no answer", left)
		}
		if n.take(r, r.swapOpen) {
			n.phase = atShut
			fn("shut the load's writer out", n)
		}
	case atShut:
		if m.queued && !r.hurry {
			return
		}
		n.phase, n.fence = atFirst, m.committed
		fn("swap", n)
	case atBegin:
		if n.take(r, false) {
			n.phase = atFirst
			fn("begin as another writer", n)
		}
	case atFirst:
		if passed {
			if n.phase = atQuiet; r.endAtFence {
				n.phase = atEnd
			}
			fn("the first fence is passed", n)
		}
	case atQuiet:
		if n.take(r, r.keepAlias) {
			n.phase, n.fence, n.restless = atPass, m.committed, false
			n.todo, n.open = m.open && !r.trustUnknown, false
			fn("nothing is under way: begin a pass as another writer", n)
		}
	case atPass:
		if passed && !m.todo {
			n.phase = atQuiet
			if !m.restless && (!m.open || r.trustUnknown) || r.endUnclean {
				n.phase = atEnd
			}
			fn("the pass is over", n)
		}
	}
}

// right holds the index against what was committed.
func (m handover) right() bool {
	return there(m.shows) == there(m.committed) && (m.shows == m.committed || !there(m.committed))
}

func exploreHandover(r handoverRules) (states int, wrong []string) {
	known := map[handover]struct{}{}
	var path []string
	var visit func(handover)
	visit = func(m handover) {
		if m.phase == atEnd && m.app == appIdle && m.stray.step == 0 && !m.right() {
			wrong = slices.Clone(path)
			return
		}
		m.next(r, func(step string, n handover) {
			if _, ok := known[n]; ok || wrong != nil {
				return
			}
			known[n] = struct{}{}
			path = append(path, step)
			visit(n)
			path = path[:len(path)-1]
		})
	}
	visit(handover{})
	return len(known), wrong
}

func TestHandoverModel(t *testing.T) {
	t.Parallel()
	states, wrong := exploreHandover(handoverRules{})
	if wrong != nil {
		t.Errorf("the protocol goes wrong: %q", wrong)
	}
	t.Logf("%d states", states)
}

func TestHandoverModelWithoutARule(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]handoverRules{
		"go on behind the first fence":    {endAtFence: true},
		"end with a clean pass":           {endUnclean: true},
		"read again what has no answer":   {trustUnknown: true},
		"wait for what is under way":      {hurry: true},
		"write down what will be written": {forgetTouched: true},
		"shut the load's writer out":      {swapOpen: true},
		"an alias for each pass":          {keepAlias: true},
		"never put an alias back":         {putBack: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			states, wrong := exploreHandover(r)
			if wrong == nil {
				t.Fatalf("nothing goes wrong in %d states: the model does not show what the rule is for", states)
			}
			t.Logf("wrong after %d states, %d steps: %q", states, len(wrong), wrong)
		})
	}
}
