package protocol

import (
	"slices"
	"testing"
)

// A small model of the live protocol, tried in every order of its steps: three documents,
// two transactions (the second moves a row between two documents), any delay between a
// commit, the stream, visibility, durability and acknowledgement, draining beside the
// load, attempts that land late, and two crashes. When the run is over and everything has
// landed, each document must show what was committed.

const (
	modelKeys    = 3
	modelCommits = 2
	modelCrashes = 2
	modelReads   = 3 // of catch-up; more bring nothing new
	nothing      = 0xff
)

// modelTouches are the documents that each transaction changes. moved is what the second
// one is known to change where the old parent is not.
var modelTouches = [modelCommits][modelKeys]bool{{true, false, false}, {true, true, false}}

var names = [...]string{"0", "1", "2"}

// modelRules are what can be switched off.
type modelRules struct {
	slotLate     bool // the slot is created behind the first chunk's read
	noGate       bool // chunks are read before everything before the slot is visible
	noGateDrain  bool // catch-up reads before that
	ackEarly     bool // the stream is acknowledged before the marks are durable
	settleUnseen bool // settle what the read did not see
	settleBlind  bool // settle what was recorded since the round began
	settleEarly  bool // settle before the verdict
	fenceEarly   bool // end when the fence is met, not when what was before it is settled
	oneVersion   bool // every write wins
	oldParent    bool // a move marks only where the row went
}

// write is one attempt: which document, what the snapshot saw of it, and its version.
type write struct{ key, saw, version uint8 }

// model is a state. Sets of transactions are bits.
type model struct {
	committed, visible    uint8
	slot, slotAt          uint8
	buffered, durable     uint8 // positions of the reader
	acked                 uint8
	marks                 [modelKeys]uint8
	loaded                uint8 // chunks done, one document each
	chunk, lane           write // under way; key nothing: none
	cut                   uint8
	read                  bool // the lane has read
	reads, crashes, strys uint8
	stray                 write // an attempt without a client
	index                 [modelKeys]write
	over                  bool
}

func (m *model) apply(w write, r modelRules) {
	if r.oneVersion || w.version >= m.index[w.key].version || m.index[w.key].key == nothing {
		m.index[w.key] = w
	}
}

// sees is what a read of a document sees now.
func (m *model) sees(key uint8) uint8 {
	var saw uint8
	for c := range modelTouches {
		if modelTouches[c][key] && m.visible&(1<<c) != 0 {
			saw |= 1 << c
		}
	}
	return saw
}

// next calls fn with every state that can follow.
func (m model) next(r modelRules, fn func(string, model)) {
	m.world(r, fn)
	m.capture(r, fn)
	m.load(r, fn)
	m.drain(r, fn)
	m.crash(fn)
}

func (m model) world(r modelRules, fn func(string, model)) {
	if m.committed < modelCommits {
		n := m
		n.committed++
		fn("commit", n)
	}
	for c := range m.committed {
		if m.visible&(1<<c) == 0 {
			n := m
			n.visible |= 1 << c
			fn("visible "+names[c], n)
		}
	}
	if m.stray.key != nothing {
		n := m
		n.apply(n.stray, r)
		n.stray = write{key: nothing}
		fn("a late attempt lands", n)
	}
	met := m.slot == 1 && m.durable == modelCommits && m.committed == modelCommits
	settled := m.marks == [modelKeys]uint8{} && m.lane.key == nothing
	if met && m.loaded == modelKeys && (settled || r.fenceEarly) {
		n := m
		n.over = true
		fn("the fence is passed", n)
	}
}

func (m model) capture(r modelRules, fn func(string, model)) {
	began := m.loaded > 0 || m.chunk.key != nothing
	if m.slot == 0 && (!r.slotLate || began) {
		n := m
		n.slot, n.slotAt, n.buffered, n.durable, n.acked = 1, m.committed, m.committed, m.committed, m.committed
		fn("slot", n)
	}
	if m.slot == 1 && m.buffered < m.committed {
		n := m
		n.buffered++
		fn("read the stream", n)
	}
	if m.durable < m.buffered {
		n := m
		for c := m.durable; c < m.buffered; c++ {
			for k := range modelKeys {
				if modelTouches[c][k] && !(r.oldParent && c == 1 && k == 0) {
					n.marks[k] |= 1 << c
				}
			}
		}
		n.durable = m.buffered
		fn("record marks", n)
	}
	if r.ackEarly && m.acked < m.buffered { // else what is acknowledged is durable: nothing follows from it
		n := m
		n.acked = m.buffered
		fn("acknowledge", n)
	}
}

// gate is passed when everything before the slot is visible.
func (m model) gate() bool {
	before := uint8(1)<<m.slotAt - 1
	return m.visible&before == before
}

func (m model) load(r modelRules, fn func(string, model)) {
	gate := r.noGate || m.gate()
	if m.chunk.key == nothing && m.loaded < modelKeys && (m.slot == 1 && gate || m.slot == 0 && r.slotLate) {
		n := m
		n.chunk = write{m.loaded, m.sees(m.loaded), 0}
		fn("read chunk "+names[m.loaded], n)
	}
	if m.chunk.key != nothing {
		n := m
		n.apply(m.chunk, r)
		n.chunk = write{key: nothing}
		n.loaded++
		fn("write chunk", n)
		m.giveUp(m.chunk, fn)
	}
}

func (m model) drain(r modelRules, fn func(string, model)) {
	if m.lane.key == nothing {
		for k := range uint8(modelKeys) {
			if m.marks[k] != 0 && m.reads < modelReads {
				n := m
				n.reads++
				n.lane, n.cut, n.read = write{k, 0, n.reads}, m.durable, false
				fn("take mark "+names[k], n)
			}
		}
		return
	}
	n := m
	if !m.read && !m.gate() && !r.noGateDrain {
		return
	}
	if !m.read {
		n.lane.saw, n.read = m.sees(m.lane.key), true
		if r.settleEarly {
			n.settle(r)
		}
		fn("read again", n)
		return
	}
	n.apply(m.lane, r)
	if !r.settleEarly {
		n.settle(r)
	}
	n.lane, n.read = write{key: nothing}, false
	fn("write and settle", n)
	m.giveUp(m.lane, fn)
}

// settle takes away the changes that the round may and that the read saw.
func (m *model) settle(r modelRules) {
	may := uint8(1)<<m.cut - 1
	saw := m.lane.saw
	if r.settleUnseen {
		saw = 0xff
	}
	if r.settleBlind {
		may, saw = 0xff, 0xff
	}
	m.marks[m.lane.key] &^= may & saw
}

// giveUp leaves an attempt behind; the client sends again.
func (m model) giveUp(w write, fn func(string, model)) {
	if m.stray.key == nothing && m.strys == 0 {
		m.stray, m.strys = w, 1
		fn("an attempt has no answer", m)
	}
}

// crash loses what was in memory. What was sent may land later, or not.
func (m model) crash(fn func(string, model)) {
	if m.crashes == modelCrashes || m.slot == 0 && m.chunk.key == nothing {
		return
	}
	n := m
	n.crashes++
	n.durable = max(m.durable, m.acked) // the server sends nothing before that again
	n.buffered = n.durable
	n.chunk, n.lane, n.read = write{key: nothing}, write{key: nothing}, false
	fn("crash", n)
	for _, w := range []write{m.chunk, m.lane} {
		if w.key != nothing && (w != m.lane || m.read) && n.stray.key == nothing {
			left := n
			left.stray = w
			fn("crash, and an attempt goes on", left)
		}
	}
}

// right holds the index against what was committed, when everything has landed.
func (m model) right(r modelRules) bool {
	if m.stray.key != nothing {
		m.apply(m.stray, r)
	}
	m.visible = 1<<modelCommits - 1
	for k := range uint8(modelKeys) {
		if m.index[k].key != k || m.index[k].saw != m.sees(k) {
			return false
		}
	}
	return true
}

// explore tries every order, and returns how many states there are and a history that goes
// wrong.
func explore(r modelRules) (states int, wrong []string) {
	start := model{chunk: write{key: nothing}, lane: write{key: nothing}, stray: write{key: nothing}}
	for k := range start.index {
		start.index[k].key = nothing
	}
	known := map[model]struct{}{}
	var path []string
	var visit func(model)
	visit = func(m model) {
		if m.over && !m.right(r) {
			wrong = slices.Clone(path)
		}
		if m.over {
			return
		}
		m.next(r, func(step string, n model) {
			if _, ok := known[n]; ok || wrong != nil {
				return
			}
			known[n] = struct{}{}
			path = append(path, step)
			visit(n)
			path = path[:len(path)-1]
		})
	}
	visit(start)
	return len(known), wrong
}

func TestModel(t *testing.T) {
	t.Parallel()
	states, wrong := explore(modelRules{})
	if wrong != nil {
		t.Errorf("the protocol goes wrong: %q", wrong)
	}
	t.Logf("%d states", states)
}

func TestModelWithoutARule(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]modelRules{
		"slot before the first read":       {slotLate: true},
		"gate":                             {noGate: true},
		"gate for catch-up, too":           {noGateDrain: true},
		"acknowledge what is durable":      {ackEarly: true},
		"settle what was seen":             {settleUnseen: true},
		"settle what the round began with": {settleBlind: true},
		"settle behind the verdict":        {settleEarly: true},
		"fence passed when all is settled": {fenceEarly: true},
		"versions":                         {oneVersion: true},
		"old parents":                      {oldParent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			states, wrong := explore(r)
			if wrong == nil {
				t.Fatalf("nothing goes wrong in %d states: the model does not show what the rule is for", states)
			}
			t.Logf("wrong after %d states, %d steps: %q", states, len(wrong), wrong)
		})
	}
}
