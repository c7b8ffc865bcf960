package chaos

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// What histories count. A kind that never happened is seen as 0.
const (
	generatedColumns = "generated columns"
	toggles          = "toggles"
	crashed          = "PostgreSQL died"
	commitsLost      = "commits lost by a crash"

	identityAnother   = "identity: another index that holds the columns"
	identityFull      = "identity: full"
	keyRemade         = "identity: the key made again"
	identityPoorer    = "identity: does not hold the columns"
	publishedLess     = "publication: a table is taken out"
	publishedRows     = "publication: some rows only"
	partitionAdded    = "partition of a table: added"
	partitionDetached = "partition of a table: detached"
	partitionOfTopic  = "partition of a topic: added"
	logCut            = "log: cut off at its beginning"
	logCutToEnd       = "log: cut off to its end"
	logAgain          = "log: the topic made again"

	lateUnanswered = "late: no answer"
	lateTimeout    = "late: 504"
	lateTwice      = "late: passed on twice"
	lateAnswered   = "late: answered, and passed on again"
	lateLanded     = "late: landed"
	lateRefused    = "late: refused"

	endedEqual   = "end: equal"
	endedGap     = "end: a gap, then equal by the remedy"
	endedNamed   = "end: documents named, then equal by repair"
	endedRefused = "end: refused"
)

// Kinds are all that is counted in a history, in the order in which they are shown.
func Kinds() []string {
	kinds := []string{
		generatedColumns, toggles, crashed, commitsLost, identityAnother, identityFull, keyRemade, identityPoorer, identityPoorer + putBack,
		publishedLess, publishedLess + putBack, publishedRows, publishedRows + putBack, partitionAdded, partitionDetached, partitionOfTopic,
		logCut, logCutToEnd, logAgain, lateUnanswered, lateTimeout, lateTwice, lateAnswered,
	}
	for _, m := range moments() {
		kinds = append(kinds, string(m))
	}
	return append(kinds, lateLanded, lateRefused, endedEqual, endedGap, endedNamed, endedRefused)
}

// journal is what happened in a history.
type journal struct {
	begun time.Time

	mu       sync.Mutex
	happened map[string]int64
	lines    strings.Builder
}

func newJournal() *journal { return &journal{begun: time.Now(), happened: map[string]int64{}} }

// count counts things that happened.
func (j *journal) count(kind string, n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.happened[kind] += n
}

// note writes a line.
func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(&j.lines, "%9.3f  %s\n", time.Since(j.begun).Seconds(), fmt.Sprintf(format, args...))
}

// counts are all kinds, those that did not happen too.
func (j *journal) counts() map[string]int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := map[string]int64{}
	for _, k := range Kinds() {
		all[k] = j.happened[k]
	}
	return all
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}
