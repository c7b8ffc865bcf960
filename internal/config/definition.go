package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"humpty/sources"
)

// define is the definition, everything that makes the documents and the index, and neither
// connections nor limits, with the hash that names it. What is absent does not count, so a
// key that a later version adds leaves old hashes as they are.
func (p Projection) define() (text json.RawMessage, hash string) {
	definition := map[string]any{
		"format": 1, "alias": p.Alias, "source": p.Source, "versions": p.Versions, "not_finite": p.NotFinite,
		"document": prune(canonical(withoutPlaces(p.Document))), "index": canonical(p.Index),
	}
	if p.Events != nil {
		definition["events"] = prune(canonical(p.Events))
	}
	if len(p.Joined) > 0 {
		joined := make([]Joined, len(p.Joined))
		for i, j := range p.Joined {
			if j.Shape != nil {
				shape := withoutPlaces(*j.Shape)
				j.Shape = &shape
			}
			j.On, j.OrderBy = joinsWithoutPlaces(j.On), ordersWithoutPlaces(j.OrderBy)
			joined[i] = j
		}
		definition["joined"] = prune(canonical(joined))
	}
	data, err := json.Marshal(definition) // sorts the keys
	if err != nil {
		return nil, "" // plain data: cannot fail
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:16])
}

// canonical turns v into JSON's plain types, numbers by their digits.
func canonical(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var out any
	if dec.Decode(&out) != nil {
		return nil
	}
	return out
}

// prune leaves out what is empty.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			if item = prune(item); item == nil || item == "" || item == false {
				delete(v, k)
			} else {
				v[k] = item
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	}
	return v
}

func withoutPlaces(s sources.Shape) sources.Shape {
	s.Place = ""
	s.Columns = append([]sources.Column(nil), s.Columns...)
	for i := range s.Columns {
		s.Columns[i].Place = ""
	}
	s.On = joinsWithoutPlaces(s.On)
	s.OrderBy = ordersWithoutPlaces(s.OrderBy)
	if s.Through != nil {
		through := *s.Through
		through.Place, through.Parent = "", joinsWithoutPlaces(through.Parent)
		s.Through = &through
	}
	s.Include = append([]sources.Shape(nil), s.Include...)
	for i := range s.Include {
		s.Include[i] = withoutPlaces(s.Include[i])
	}
	return s
}

func joinsWithoutPlaces(joins []sources.Join) []sources.Join {
	joins = append([]sources.Join(nil), joins...)
	for i := range joins {
		joins[i].Place = ""
	}
	return joins
}

func ordersWithoutPlaces(orders []sources.Order) []sources.Order {
	orders = append([]sources.Order(nil), orders...)
	for i := range orders {
		orders[i].Place = ""
	}
	return orders
}

// maxStored is the largest definition that is read back: as large as a file may be, and the
// index and the script that it names.
const maxStored = 4 * maxFile

// Stored is a projection by a definition that was stored with a generation. What makes documents
// and index is the definition's; connections, limits and all else are the file's. What was stored
// is taken for nothing but what the hash names.
func (c *Config) Stored(p Projection, text []byte, hash string) (Projection, error) {
	if len(text) > maxStored {
		return p, fmt.Errorf("it has %d bytes, more than %d", len(text), maxStored)
	}
	var d struct {
		Format                  int
		Alias, Source, Versions string
		NotFinite               string `json:"not_finite"`
		Document                sources.Shape
		Index                   json.RawMessage
		Events                  *Events
		Joined                  []Joined
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return p, fmt.Errorf("it cannot be read: %w", err)
	}
	if d.Format != 1 || d.Alias != p.Alias {
		return p, fmt.Errorf("it has format %d and is one of alias %q: this version knows format 1, and the file says alias %q", d.Format, d.Alias, p.Alias)
	}
	of := p
	of.Source, of.Versions, of.NotFinite = d.Source, d.Versions, d.NotFinite
	of.Document, of.Index, of.Events, of.Joined = d.Document, d.Index, d.Events, d.Joined
	of.CatchUp = nil
	if of.Definition, of.Hash = of.define(); of.Hash != hash {
		return p, fmt.Errorf("it is not the one with the hash %s, or from a version that says more in it", hash)
	}
	for _, name := range of.SourceNames() {
		if !slices.ContainsFunc(c.Sources, func(s Source) bool { return s.Name == name }) {
			return p, fmt.Errorf("it reads source %s, which %s does not have: put that back under sources", name, c.File)
		}
	}
	if err := c.kinds(of); err != nil {
		return p, err
	}
	of.placeAll("the definition stored with its generation", p)
	return of, nil
}

// kinds wants a source to be of the kind that the definition reads.
func (c *Config) kinds(p Projection) error {
	for _, name := range p.databases() {
		if c.Source(name).Kafka != nil {
			return fmt.Errorf("it reads tables of source %s, which is no PostgreSQL in %s", name, c.File)
		}
	}
	for _, e := range p.allEvents() {
		if c.Source(e.Source).Kafka == nil {
			return fmt.Errorf("it reads topics of source %s, which is no Kafka in %s", e.Source, c.File)
		}
	}
	return nil
}

// allEvents are what a projection says of topics.
func (p *Projection) allEvents() (all []*Events) {
	if p.Events != nil {
		all = append(all, p.Events)
	}
	for _, j := range p.Joined {
		if j.Events != nil {
			all = append(all, j.Events)
		}
	}
	return all
}

// placeAll says where each part is written, for messages, and takes what no definition has from
// the file: whether topics that are cut off are accepted, and whose offsets are the fence.
func (p *Projection) placeAll(place string, file Projection) {
	p.Place = place
	placeShape(&p.Document, place)
	for i := range p.Joined {
		j := &p.Joined[i]
		j.Place = place
		if j.Shape != nil {
			placeShape(j.Shape, place)
		}
	}
	for _, e := range p.allEvents() {
		e.Place, e.File = place, "stored.js"
		for _, now := range file.allEvents() {
			if now.Source == e.Source && slices.Equal(now.Topics, e.Topics) {
				e.Truncated, e.Group = now.Truncated, now.Group
			}
		}
	}
}

func placeShape(s *sources.Shape, place string) {
	s.Place = place
	for i := range s.Columns {
		s.Columns[i].Place = place
	}
	for i := range s.On {
		s.On[i].Place = place
	}
	for i := range s.OrderBy {
		s.OrderBy[i].Place = place
	}
	if s.Through != nil {
		s.Through.Place = place
		for i := range s.Through.Parent {
			s.Through.Parent[i].Place = place
		}
	}
	for i := range s.Include {
		placeShape(&s.Include[i], place)
	}
}
