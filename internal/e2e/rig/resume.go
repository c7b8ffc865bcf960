package rig

import (
	"net/http"
	"os/exec"
	"testing"
)

// Next is the process that goes on with what a dead one left, or begins: one that died
// before it wrote anything down leaves only its lease, which is made to run out now.
func (s *Shop) Next(t testing.TB, more ...string) *exec.Cmd {
	t.Helper()
	status := s.Run(t, "status", "orders", "--json")
	status.Want(t, 0)
	found := status.Result(t).Projections[0]
	if len(found.Stopped) > 0 {
		return s.Command(t, append([]string{"resume", found.Stopped[0].Run}, more...)...)
	}
	if found.Lease.Held {
		s.Expire(t)
	}
	return s.Command(t, append([]string{"rebuild", "orders"}, more...)...)
}

// Expire makes a dead process's lease run out, as it does after a minute; one that was never taken
// is no mistake.
func (s *Shop) Expire(t testing.TB) {
	t.Helper()
	code, body := s.Request(t, http.MethodPost, "/humpty-leases/_update/"+s.Alias, `{"doc": {"expires": "0001-01-01T00:00:00Z"}}`)
	if code != http.StatusOK && code != http.StatusNotFound {
		t.Fatalf("let the lease run out: %d %s", code, body)
	}
}
