package devstack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

const kindStandby Kind = "standby"

// Standby adds a streaming replica of the stack's PostgreSQL, which is restarted for it,
// and returns the replica's DSN. It ends with the stack. Called at most once, beside no
// other call.
func (s *Stack) Standby(ctx context.Context) (string, error) {
	primary, err := s.server(KindPostgres)
	if err != nil {
		return "", err
	}
	if err := s.Stop(ctx, KindPostgres); err != nil { // what lies on the disk is a backup then
		return "", err
	}
	n := primary.node
	n.kind, n.dir = kindStandby, filepath.Join(s.dir, string(kindStandby))
	srv := &server{node: n, program: &standby{postgres: postgres{installed: postgresFolders()}, primary: &primary.node}}
	s.servers[kindStandby] = srv
	if err := errors.Join(s.Start(ctx, kindStandby), s.Start(ctx, KindPostgres)); err != nil {
		return "", err
	}
	return srv.program.traits(&srv.node).address, nil
}

// standby is PostgreSQL that follows another one.
type standby struct {
	postgres
	primary *node
}

func (p *standby) prepare(ctx context.Context, n *node) error {
	data := filepath.Join(n.dir, "data")
	if err := n.run(ctx, n.cmd(nil, "cp", "-a", filepath.Join(p.primary.dir, "data"), data)); err != nil {
		return err
	}
	conf := []string{
		"include = 'primary.conf'",
		fmt.Sprintf("port = %d", n.ports[0]),
		"unix_socket_directories = '" + n.dir + "'",
		fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%d user=postgres'", p.primary.ports[0]),
	}
	return errors.Join(
		n.run(ctx, n.cmd(nil, "mv", filepath.Join(data, "postgresql.conf"), filepath.Join(data, "primary.conf"))),
		n.account.write(filepath.Join(data, "postgresql.conf"), strings.Join(conf, "\n")+"\n"),
		n.account.write(filepath.Join(data, "standby.signal"), ""),
	)
}

func (p *standby) traits(n *node) traits {
	t := p.postgres.traits(n)
	t.export = func(*Addresses) {} // that of the primary
	return t
}

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
