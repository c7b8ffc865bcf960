package catchup

import (
	"errors"
	"testing"

	"humpty/internal/problem"
	"humpty/internal/protocol/off"
	"humpty/sinks"
)

// A repair of what serves writes onto what it finds, which makes the version one larger, and
// may so be ahead of a quiet live projector: whose next write must not be taken for done.
func TestNewerVersionsAreOvertaken(t *testing.T) {
	t.Parallel()
	for ahead, overtakes := range map[int64]bool{3: true, 1 << 40: false} {
		c := newChase(t, off.Rules{})
		c.live.Commit(put("a", "g", "1"))
		c.finish()
		version, err := c.store.Version()
		if err != nil {
			t.Fatal(err)
		}
		drift := []sinks.Document{{ID: []byte("a"), Version: c.rounds.Writer.Base + version + ahead, Body: []byte(`{"n":0}`)}}
		if _, err := c.rounds.Writer.Index.Write(t.Context(), drift, make([]sinks.Verdict, 1)); err != nil {
			t.Fatal(err)
		}
		c.live.Commit(put("a", "g", "2"))
		err = c.rounds.CatchUpTo(t.Context(), c.capture)
		var refusal *problem.Refusal
		switch {
		case overtakes && (err != nil || !c.equal()):
			t.Errorf("%d ahead: %v; the document is not as the source has it", ahead, err)
		case !overtakes && !errors.As(err, &refusal):
			t.Errorf("%d ahead: %v", ahead, err)
		}
	}
}
