package chaos

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"humpty/internal/problem"
	"humpty/sources"
)

// ending is how humpty ended where it did not do what it was told, by its exit code.
type ending struct {
	code int
	text string
}

const (
	codeFailed  = 1
	codeRefused = 4
	codeGap     = 7
	codeUsage   = 64
)

// endingOf is nil for errors that are not humpty's.
func endingOf(err error) *ending {
	var program exit
	var gap *sources.ErrChangesLost
	var refusal *problem.Refusal
	var wrong problem.List
	switch {
	case errors.As(err, &program):
		return &ending{program.code, program.err + program.out}
	case errors.As(err, &gap):
		return &ending{codeGap, err.Error()}
	case errors.As(err, &refusal):
		return &ending{codeRefused, err.Error()}
	case errors.As(err, &wrong):
		return &ending{codeUsage, err.Error()}
	}
	return nil
}

// accepted are the endings that an act may have: exit codes, and one of the texts.
type accepted struct {
	codes []int
	texts []string
	cure  bool // a new rebuild makes all right
}

// mayEnd is how runs may end after an act. By default they must not.
func mayEnd(kind string) accepted {
	gap := func(text ...string) accepted { return accepted{[]int{codeGap}, text, true} }
	switch kind {
	case identityAnother, identityFull, keyRemade:
		return gap("replica identity")
	case identityPoorer, identityPoorer + putBack:
		return accepted{[]int{codeGap, codeUsage}, []string{"replica identity"}, true}
	case publishedLess, publishedLess + putBack, publishedRows, publishedRows + putBack:
		return gap("publication")
	case partitionAdded, partitionDetached:
		return gap("partition")
	case partitionOfTopic:
		return gap("partitions")
	case logAgain:
		return gap("made again", "deleted meanwhile", "partition", "offset")
	case logCut, logCutToEnd:
		return accepted{[]int{codeRefused, codeGap}, []string{"begins at", "nothing is left", "accept_truncated", "offset"}, false}
	}
	return accepted{}
}

// judge tells whether an act of this history explains how humpty ended, and which.
func (p *Plan) judge(e *ending) (*Act, bool) {
	if e == nil {
		return nil, false
	}
	for _, a := range p.Acts {
		may := mayEnd(a.Kind)
		if a.done.Load() && slices.Contains(may.codes, e.code) && slices.ContainsFunc(may.texts, func(t string) bool { return strings.Contains(e.text, t) }) {
			return a, true
		}
	}
	return nil, false
}

// named tells whether a handover has named documents that changed each time it read them.
func (e *ending) named() bool {
	return e != nil && e.code == codeFailed && strings.Contains(e.text, "may not be as the source has them") && strings.Contains(e.text, "humpty repair")
}

func (e *ending) String() string { return fmt.Sprintf("exit code %d: %.600s", e.code, e.text) }
