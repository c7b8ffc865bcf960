package sinks

// Survey is what a target holds for one alias at one moment.
type Survey struct {
	Product     string            `json:"product"` // elasticsearch | opensearch | null | ndjson
	Version     string            `json:"version"`
	Cluster     string            `json:"cluster"` // uuid
	Alias       string            `json:"alias"`
	Serving     []Serving         `json:"serving"`            // what the alias points to; empty: no alias
	Conflict    *ConflictingIndex `json:"concrete,omitempty"` // an index that sits on the alias's name: the trap
	Generations []Generation      `json:"generations"`        // humpty's, oldest first
	Foreign     []Foreign         `json:"foreign,omitempty"`  // look like generations, and are none
	Warnings    []string          `json:"warnings,omitempty"` // what will hurt: auto-creation allowed, watermark near, …
}

// Serving is one index behind the alias, with the alias's properties on it.
type Serving struct {
	Index         string `json:"index"`
	Ours          bool   `json:"ours"` // made by humpty for this alias
	WriteIndex    *bool  `json:"write_index,omitempty"`
	Filter        []byte `json:"-"`                        // the alias's filter, JSON; kept as it is by a swap
	Routing       string `json:"routing,omitempty"`        // of reads and writes by id
	SearchRouting string `json:"search_routing,omitempty"` // of searches: values with commas between them
	Hidden        *bool  `json:"hidden,omitempty"`
	Documents     int64  `json:"documents"`
}

// Action is the step that sets the alias on the index as it is set now.
func (s Serving) Action(alias string) AliasAction {
	return AliasAction{
		Verb: "add", Index: s.Index, Alias: alias, WriteIndex: s.WriteIndex, Filter: s.Filter,
		Routing: s.Routing, SearchRouting: s.SearchRouting, Hidden: s.Hidden,
	}
}

// ConflictingIndex is an index whose name is the alias's.
type ConflictingIndex struct {
	Index     string `json:"index"`
	Documents int64  `json:"documents"`
	UUID      string `json:"uuid"`
}

// Live returns the generation or foreign index that serves the alias alone,
// or "" if none or several do, or one that is only partly there.
func (s Survey) Live() string {
	if len(s.Serving) == 1 && s.Partial() == "" {
		return s.Serving[0].Index
	}
	return ""
}

// Partial returns the generation that searches see though it is not complete, or "". What
// takes writes through the alias is complete, whatever its meta says yet.
func (s Survey) Partial() string {
	for _, serving := range s.Serving {
		closed := serving.WriteIndex != nil && !*serving.WriteIndex
		if g, ok := s.Find(serving.Index); ok && closed && g.Meta.Partial {
			return g.Name
		}
	}
	return ""
}

// Find returns the generation of that name.
func (s Survey) Find(name string) (Generation, bool) {
	for _, g := range s.Generations {
		if g.Name == name {
			return g, true
		}
	}
	return Generation{}, false
}

// Epoch returns the largest epoch of any generation.
func (s Survey) Epoch() int64 {
	var top int64
	for _, g := range s.Generations {
		top = max(top, g.Meta.Epoch)
	}
	return top
}
