package devstack

// A client and the supervisor exchange JSON values over a unix socket: one
// request, then replies, of which only the last has Done. The connection of a
// client that asked for servers is its claim on them: while it is open the
// supervisor stays.

type action string

const (
	actStart  action = "start"  // bring up Servers
	actHold   action = "hold"   // bring up Servers, and stay without clients
	actStatus action = "status" // tell what runs
	actDown   action = "down"   // end at once
)

type request struct {
	Action  action `json:"action"`
	Servers []Kind `json:"servers,omitempty"`
}

type reply struct {
	Progress  *Progress `json:"progress,omitempty"`
	Done      bool      `json:"done,omitempty"`
	Error     string    `json:"error,omitempty"`
	Addresses Addresses `json:"addresses"`
	Status    *Status   `json:"status,omitempty"`
}
