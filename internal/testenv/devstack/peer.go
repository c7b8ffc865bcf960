package devstack

import (
	"context"
	"path/filepath"
)

const kindPeer Kind = "kafka-peer"

// Peer adds a second broker to the stack's Kafka, with the same options, and returns the
// kind by which it is stopped and started. The first one stays the only controller. It ends
// with the stack. Called at most once, beside no other call.
func (s *Stack) Peer(ctx context.Context) (Kind, error) {
	first, err := s.server(KindKafka)
	if err != nil {
		return "", err
	}
	n := first.node
	n.kind, n.dir = kindPeer, filepath.Join(s.dir, string(kindPeer))
	n.opts.Config = map[Kind][]string{kindPeer: s.opts.Config[KindKafka]}
	n.opts.Files = map[Kind]map[string]string{kindPeer: s.opts.Files[KindKafka]}
	s.servers[kindPeer] = &server{node: n, program: &kafka{first: &first.node}}
	return kindPeer, s.Start(ctx, kindPeer)
}
