package sinks

import (
	"fmt"
	"time"
)

func (h *Held) Error() string {
	o := h.Lease.Owner
	return fmt.Sprintf("run %s (%s, pid %d on %s) works on this projection; its lease ends at %s unless it is renewed",
		o.Run, o.Verb, o.PID, o.Host, h.Lease.Expires.UTC().Format(time.RFC3339))
}
