package sinks

import (
	"fmt"
	"time"

	"humpty/internal/printable"
)

func (h *Held) Error() string {
	o := h.Lease.Owner
	return fmt.Sprintf("run %s (%s, pid %d on %s) works on this projection; its lease ends at %s unless it is renewed",
		printable.Value(o.Run), printable.Value(o.Verb), o.PID, printable.Value(o.Host), h.Lease.Expires.UTC().Format(time.RFC3339))
}
