package catchup

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/protocol/off"
	"humpty/projector/checkpoint"
	"humpty/sinks"
	"humpty/sources/sourcetest"
)

// gamble is a history whose every step comes from a seed, in one goroutine but for the
// capture: the same seed gives the same history. It mixes commits that are visible late,
// rounds, attempts that land whenever, primaries that forget which documents were deleted, and
// crashes that lose what was not synced.
type gamble struct {
	*chase
	rng    *rand.Rand
	fs     *vfs.MemFS
	hidden []uint64
	n      int
}

func (g *gamble) change(rows string) []sourcetest.Change {
	var all []sourcetest.Change
	for range 1 + g.rng.IntN(3) {
		g.n++
		id, group, value := fmt.Sprint(rows, g.rng.IntN(6)), fmt.Sprint("g", g.rng.IntN(3)), fmt.Sprint(g.n)
		switch g.rng.IntN(8) {
		case 0:
			all = append(all, sourcetest.Change{ID: id})
		case 1:
			all = append(all, sourcetest.Change{Group: rows, Value: value})
		default:
			all = append(all, put(id, []string{group, "seen", "hidden"}[g.rng.IntN(3)], value))
		}
	}
	return all
}

// crash ends the process as kill -9 or a loss of power does; what is in flight lands later.
func (g *gamble) crash() {
	if err := g.stop(); err != nil {
		g.t.Fatal(err)
	}
	left := g.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100 * g.rng.IntN(2), RNG: g.rng})
	if err := g.store.Close(); err != nil {
		g.t.Fatal(err)
	}
	var err error
	if g.store, err = checkpoint.Open("marks", checkpoint.Options{FS: left}); err != nil {
		g.t.Fatal(err)
	}
	g.fs, g.rounds.Store = left, g.store
	g.again()
	g.begin()
}

var errPulled = errors.New("the plug was pulled")

func (g *gamble) step() {
	switch k := g.rng.IntN(20); {
	case k < 5:
		g.live.Commit(g.change("seen")...)
	case k < 7 && len(g.hidden) == 0: // of rows of its own: one row's transactions are visible in order
		g.hidden = append(g.hidden, g.live.Stage(g.change("hidden")...))
	case k < 9 && len(g.hidden) > 0:
		g.live.Reveal(g.hidden[0])
		g.hidden = g.hidden[1:]
	case k < 11:
		g.recorded()
	case k < 16:
		g.round()
	case k < 18:
		g.target.Land(1)
	case k < 19 && g.rng.IntN(2) == 0:
		g.target.Restart()
	case k < 19:
		g.crash()
	default: // in the middle of a round
		g.target.IgnoreWrites = g.rng.IntN(2) == 0
		g.target.OnWrite = func([]sinks.Document, []sinks.Verdict) error { return errPulled }
		if _, err := g.rounds.round(g.t.Context()); err != nil && !errors.Is(err, errPulled) {
			g.t.Fatal(err)
		}
		g.target.OnWrite, g.target.IgnoreWrites = nil, false
		g.crash()
	}
}

// runGamble says whether the index is right in the end.
func runGamble(t *testing.T, seed uint64, r off.Rules, steps int) bool {
	t.Helper()
	g := &gamble{chase: newChase(t, r), rng: rand.New(rand.NewPCG(seed, 7))}
	if err := errors.Join(g.stop(), g.store.Close()); err != nil {
		t.Fatal(err)
	}
	g.fs = vfs.NewCrashableMem()
	var err error
	if g.store, err = checkpoint.Open("marks", checkpoint.Options{FS: g.fs}); err != nil {
		t.Fatal(err)
	}
	g.rounds.Store = g.store
	g.begin()
	g.recorded()
	strays := rand.New(rand.NewPCG(seed, 8))
	g.target.HideInFlight = true
	g.target.LateAttempt = func([]sinks.Document) bool { return strays.IntN(6) == 0 }
	for range steps {
		g.step()
	}
	for _, xid := range g.hidden {
		g.live.Reveal(xid)
	}
	g.rounds.doubts.hurry = true
	g.settled()
	g.target.Land(-1)
	return g.equal()
}

func TestGambles(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		if !runGamble(t, seed, off.Rules{}, 60) {
			t.Errorf("the index differs; replay: runGamble(t, %d, off.Rules{}, 60)", seed)
		}
	}
}

// mostGambles is far more than it takes: without settleEarly's rule about one in 80 goes wrong,
// depending on how its goroutines meet.
const mostGambles = 2000

// Each rule is needed by some gamble, too: they do meet what the rules are for.
func TestGamblesWithoutARule(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]off.Rules{
		"settleBlind": {SettleBlind: true}, "settleUnseen": {SettleUnseen: true}, "settleEarly": {SettleEarly: true},
		"fenceEarly": {FenceEarly: true}, "oneVersion": {OneVersion: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wrong []string
			for seed := range uint64(mostGambles) {
				if !runGamble(t, seed, r, 60) {
					wrong = append(wrong, fmt.Sprint(seed))
					break
				}
			}
			if wrong == nil {
				t.Errorf("none of %d gambles goes wrong without the rule", mostGambles)
			}
			t.Logf("wrong: seed %s", strings.Join(wrong, ", "))
		})
	}
}
