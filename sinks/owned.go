package sinks

import (
	"fmt"
	"strings"
	"time"
)

// Foreign is an index whose meta names the alias and which is none of its generations: a copy
// of one takes the meta along. It is told, and never touched.
type Foreign struct {
	Index      string `json:"index"`
	Why        string `json:"why"`
	Run        string `json:"run,omitempty"`        // that its meta names
	Unfinished bool   `json:"unfinished,omitempty"` // made by a run that ended before it wrote down that it is its own; it holds nothing
	Documents  int64  `json:"documents"`            // -1: not known
}

// FindForeign returns the index of that name which is no generation, though its meta names the alias.
func (s Survey) FindForeign(name string) (Foreign, bool) {
	for _, f := range s.Foreign {
		if f.Index == name {
			return f, true
		}
	}
	return Foreign{}, false
}

// Refuse is the error about a name that is no generation of the alias.
func (s Survey) Refuse(name string) error {
	why := ""
	if f, ok := s.FindForeign(name); ok {
		why = ": " + f.Why
	}
	return fmt.Errorf("index %s is not a generation of alias %s%s: `humpty status` lists them", name, s.Alias, why)
}

// NameTime is the moment in the name of a generation, as Engines write it behind the alias.
const NameTime = "20060102t150405"

// namedWithin is how long after the beginning of its run a generation of an earlier version may
// have been named: a run waits for servers before it does.
const namedWithin = 24 * time.Hour

// Foreign says why an index that has this meta is not the generation which the meta is of; "" if it
// is. uuid is the target's own for the index, "" where it has none. Metas of earlier versions
// name neither: there the name must be one that their run gave. unfinished: it is what a run
// made that ended before it knew the uuid.
func (m Meta) Foreign(index, uuid string) (why string, unfinished bool) {
	switch {
	case m.Name == "" && !m.named(index):
		return fmt.Sprintf("its _meta is of run %s, which did not make an index of this name: it is a copy", m.Run), false
	case m.Name == "":
		return "", false
	case m.Name != index:
		return fmt.Sprintf("its _meta is that of index %s: it is a copy", m.Name), false
	case m.UUID == "" && uuid != "":
		return fmt.Sprintf("run %s made it, and ended before it wrote down that it is its own", m.Run), true
	case m.UUID != uuid:
		return "its _meta is that of an index of this name which is gone: it was made again, or restored, and not by humpty", false
	}
	return "", false
}

// KeepCount notes how many documents an index had that is about to be made right, where the alias
// serves nothing (live is "") that it could be compared with: what swaps it later asks for it.
func (m *Meta) KeepCount(live string) {
	switch {
	case live != "" || m.Served > 0:
	case m.Verified != nil:
		m.Served = m.Verified.Documents
	default:
		m.Served = m.Documents
	}
}

// named reports whether the run of a meta gave an index its name.
func (m Meta) named(index string) bool {
	text, ok := strings.CutPrefix(index, m.Alias+"-")
	at, err := time.Parse(NameTime, text)
	late := at.Sub(m.Started.UTC().Truncate(time.Second))
	return ok && err == nil && late >= 0 && late <= namedWithin
}
