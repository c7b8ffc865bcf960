package projector

import "humpty/projector/ledger"

// pass ends a pass: what was booked since the one before is its part. Only a load is worth
// telling of where it wrote nothing.
func (n *run) pass(name string) {
	if p := n.since(name); p.Produced > 0 || name == "load" {
		n.record.Passes = ledger.AppendPass(n.record.Passes, p)
	}
}

// since is what was booked since the last pass.
func (n *run) since(name string) ledger.Pass {
	sum, _ := n.ledger.Totals()
	return ledger.NextPass(name, sum, n.record.Passes)
}
