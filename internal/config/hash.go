package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

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
