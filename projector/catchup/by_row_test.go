package catchup

import (
	"fmt"
	"testing"

	"humpty/internal/protocol/off"
	"humpty/sources/sourcetest"
)

// row is a change whose version is said.
func row(id, value string, version int64) sourcetest.Change {
	return sourcetest.Change{ID: id, Row: &sourcetest.Row{Group: "g", Value: value, Version: version}}
}

// A row that changes without its version, or is deleted: an attempt that had no answer lands later,
// and the target takes it. What was in doubt is read again when nothing can land any more.
func TestUnraisedVersions(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]sourcetest.Change{
		"changed": row("a", "second", 5),
		"raised":  row("a", "second", 6),
		"deleted": {ID: "a"},
	} {
		for _, rules := range []off.Rules{{}, {SettleUnknown: true}} {
			t.Run(fmt.Sprint(name, " without a rule: ", rules.SettleUnknown), func(t *testing.T) {
				t.Parallel()
				c := newChase(t, rules)
				c.live.Versioned, c.rounds.Writer.ByRow = true, true
				c.target.HideInFlight = true
				c.stray()
				c.live.Commit(row("a", "first", 5))
				c.recorded()
				c.round()
				c.live.Commit(second)
				c.recorded()
				c.round()
				if !c.equal() {
					t.Fatal("the index differs before anything lands late")
				}
				c.target.Restart() // forgets the deletion
				c.target.Land(-1)
				c.settled()
				if right := !rules.SettleUnknown || name == "raised"; c.equal() != right {
					t.Errorf("right %v, want %v", !right, right)
				}
			})
		}
	}
}

// Behind a handover's swap, an application inserts again what we are about to delete, with the version
// that it had: the deletion wins, and is undone in the next pass.
func TestInsertedAgainWithTheSameVersion(t *testing.T) {
	t.Parallel()
	c := newChase(t, off.Rules{})
	c.live.Versioned, c.rounds.Writer.ByRow = true, true
	c.live.Commit(row("a", "first", 1))
	c.finish()
	c.live.Commit(sourcetest.Change{ID: "a"})
	c.recorded()
	again := true
	c.live.OnLookup = func([]string) {
		if again {
			again = false
			c.live.Commit(row("a", "again", 1)) // between our read and our deletion
		}
	}
	c.handOver()
	if !c.equal() || again {
		t.Error("the index differs")
	}
}
