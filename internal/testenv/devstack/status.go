package devstack

import "time"

// Status tells what a stack runs that outlives the process that started it.
type Status struct {
	// Supervisor is the process that owns a shared stack; 0 for a stack that was
	// kept, which has none.
	Supervisor int           `json:"supervisor,omitempty"`
	Dir        string        `json:"dir"`
	Clients    int           `json:"clients"`
	Held       bool          `json:"held"`   // stays without clients, until Down
	Linger     time.Duration `json:"linger"` // after the last client, unless Held
	Addresses  Addresses     `json:"addresses"`

	Servers []ServerStatus `json:"servers"`
}

// ServerStatus tells of one server that was started.
type ServerStatus struct {
	Kind    Kind   `json:"kind"`
	Running bool   `json:"running"`
	Group   int    `json:"group"` // the number of its process group
	Address string `json:"address"`
	Log     string `json:"log"`
}

// status tells of each server that was started; one that is busy starting is
// left out.
func (s *Stack) status() []ServerStatus {
	var list []ServerStatus
	for _, k := range Kinds() {
		srv := s.servers[k]
		if srv == nil || !srv.mu.TryLock() {
			continue
		}
		if srv.proc != nil {
			list = append(list, ServerStatus{
				Kind: k, Running: srv.proc.running(), Group: srv.proc.group(),
				Address: srv.program.traits(&srv.node).address, Log: srv.node.log(),
			})
		}
		srv.mu.Unlock()
	}
	return list
}
