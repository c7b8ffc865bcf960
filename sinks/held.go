package sinks

import (
	"fmt"

	"humpty/internal/printable"
)

func (h *Held) Error() string {
	o, does := h.Lease.Owner, "works on this projection, and renews its lease"
	if h.Lease.Free() {
		does = "has had the lease on this projection since, and gave it back"
	}
	return fmt.Sprintf("run %s (%s, pid %d on %s) %s", printable.Value(o.Run), printable.Value(o.Verb), o.PID, printable.Value(o.Host), does)
}

func (d *DamagedLease) Error() string {
	return fmt.Sprintf("the lease on this projection (%s) is damaged: %s", d.Where, printable.Value(d.Why))
}
