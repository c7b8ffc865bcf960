package devstack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// freePort picks a free loopback port below the range from which systems take
// the ports of outgoing connections, so that a server that is killed and started
// again finds its port free.
func freePort() (int, error) {
	const first, last = 20000, 32000
	for range 100 {
		port := first + rand.IntN(last-first)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken: try another
		}
		return port, l.Close()
	}
	return 0, errors.New("devstack: found no free port between 20000 and 32000 on 127.0.0.1")
}
