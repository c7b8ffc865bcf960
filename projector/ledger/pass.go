package ledger

import "slices"

// Pass is where the documents of one pass over the sources ended:
// produced = written + superseded + deleted + rejected.
type Pass struct {
	Pass       string `json:"pass"` // load | catch-up 1, 2, … | afterwards: until the alias serves and beyond
	Produced   int64  `json:"produced"`
	Written    int64  `json:"written"`
	Superseded int64  `json:"superseded"`
	Deleted    int64  `json:"deleted"`
	Rejected   int64  `json:"rejected"`
}

// NextPass is the part of a sum that the passes before it do not have.
func NextPass(name string, sum Ledger, earlier []Pass) Pass {
	p := Pass{Pass: name, Produced: sum.Produced, Written: sum.Written, Superseded: sum.Superseded, Deleted: sum.Deleted, Rejected: sum.Rejected}
	for _, before := range earlier {
		p.Produced -= before.Produced
		p.Written -= before.Written
		p.Superseded -= before.Superseded
		p.Deleted -= before.Deleted
		p.Rejected -= before.Rejected
	}
	return p
}

// AppendPass appends a pass, or adds it to the last one of its name, by another process.
func AppendPass(all []Pass, p Pass) []Pass {
	all = slices.Clone(all)
	last := len(all) - 1
	switch {
	case last >= 0 && all[last].Pass == p.Pass:
		all[last].Produced += p.Produced
		all[last].Written += p.Written
		all[last].Superseded += p.Superseded
		all[last].Deleted += p.Deleted
		all[last].Rejected += p.Rejected
	case p.Produced > 0 || p.Pass == "load":
		all = append(all, p)
	}
	return all
}
