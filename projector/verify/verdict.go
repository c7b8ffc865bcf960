package verify

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"humpty/internal/canonjson"
	"humpty/sinks"
)

// maxFieldsShown is how many fields of one stale document are named.
const maxFieldsShown = 5

// verdict collects what a check finds.
type verdict struct {
	*check
	report   Report
	first    []Difference
	rejected []Difference // the first that cannot be in the index
}

// addDifference books one difference, or a document that was refused meanwhile.
func (v *verdict) addDifference(c candidate) error {
	if c.reading != nil && knownRefused(v.Refusals, c.reading) {
		return v.addRejected(c.key)
	}
	switch c.kind {
	case Missing:
		v.report.Missing++
	case Stale:
		v.report.Stale++
	case Extra:
		v.report.Extra++
	}
	key := c.docKey()
	return v.record(Difference{ID: string(key.ID), Routing: string(key.Routing), Kind: c.kind, Reading: c.reading})
}

// addRejected books a document that cannot be in the index.
func (v *verdict) addRejected(key []byte) error {
	id, routing, _ := splitKey(key)
	v.report.Rejected++
	d := Difference{ID: string(id), Routing: string(routing), Kind: Rejected}
	if len(v.rejected) < v.Show {
		v.rejected = append(v.rejected, d)
	}
	if v.Each == nil {
		return nil
	}
	return v.Each(d)
}

func (v *verdict) record(d Difference) error {
	if len(v.first) < v.Show {
		shown := d
		if r := d.Reading; r != nil { // a part of a large batch, and its receiver may change it
			shown.Reading = &Reading{Want: bytes.Clone(r.Want), Have: bytes.Clone(r.Have)}
		}
		v.first = append(v.first, shown)
	}
	if v.Each == nil {
		return nil
	}
	return v.Each(d)
}

// finish describes the first differences and returns the report.
func (v *verdict) finish(ctx context.Context) (Report, error) {
	v.first = append(v.first, v.rejected[:min(len(v.rejected), max(v.Show-len(v.first), 0))]...) // with what room is left
	slices.SortFunc(v.first, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Routing, b.Routing))
	})
	var stale []sinks.Key
	var unread []*Detail
	v.report.First = slices.Grow(v.report.First, len(v.first)) // none moves: they are pointed at
	for _, d := range v.first {
		r := d.Reading
		d.Reading = nil
		v.report.First = append(v.report.First, Detail{Difference: d})
		switch shown := &v.report.First[len(v.report.First)-1]; {
		case d.Kind == Stale && r != nil:
			v.describe(shown, r)
		case d.Kind == Stale:
			stale, unread = append(stale, d.Key()), append(unread, shown)
		}
	}
	v.report.KeyBatch = v.keyBatchSize()
	if sides, ok := v.openKeyReader(); ok && len(stale) > 0 {
		readings, err := sides.Read(ctx, stale)
		if err != nil {
			return v.report, err
		}
		for i, shown := range unread {
			v.describe(shown, &readings[i])
		}
	}
	return v.report, nil
}

// describe describes how a stale document differs.
func (v *verdict) describe(d *Detail, r *Reading) {
	d.Fields = canonjson.Diff(r.Want, r.Have, v.Ignore, maxFieldsShown)
	if v.Static && len(d.Fields) == 0 {
		d.Fields = []canonjson.Change{{Want: "the document that a read by id gives", Have: "another one in a scan: do the copies of its shard differ?"}}
	}
}

// Key is the key of the document.
func (d Difference) Key() sinks.Key {
	k := sinks.Key{ID: []byte(d.ID)}
	if d.Routing != "" {
		k.Routing = []byte(d.Routing)
	}
	return k
}
