package devstack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// program is what differs between the servers. Its methods are called one after
// the other.
type program interface {
	// find looks for the server and brings it if it is missing; it returns what
	// was found, for people.
	find(ctx context.Context, n *node) (string, error)
	// prepare writes configuration and empty data, once for a node.
	prepare(ctx context.Context, n *node) error
	command(n *node) *exec.Cmd
	// ready is one try to get an answer.
	ready(ctx context.Context, n *node) error
	// traits says how to stop it and where it answers.
	traits(n *node) traits
}

type traits struct {
	stop    syscall.Signal // ends the server in order
	quit    syscall.Signal // ends it and its children at once
	address string
	export  func(*Addresses)
}

// node is one server of a stack: what a program needs to know about it.
type node struct {
	kind     Kind
	dir      string // its own folder, which belongs to who
	ports    [3]int // the one for clients first
	account  account
	cache    string
	opts     Options
	fetching func()
}

func newProgram(k Kind) program {
	switch {
	case k == KindPostgres:
		return &postgres{installed: postgresFolders()}
	case k.searches():
		return &search{flavour: k.flavour()}
	default:
		return &kafka{}
	}
}

func (n *node) log() string { return filepath.Join(n.dir, "log.txt") }

// ownFile is a file of ours that belongs to the node but not to its account.
func (n *node) ownFile(suffix string) string { return n.dir + "." + suffix }

// stopSuffix is that of the named pipe whose opening ends a server that is kept.
const stopSuffix = "stop"

// files writes Options.Files into a folder.
func (n *node) files(dir string) error {
	for name, text := range n.opts.Files[n.kind] {
		if err := n.account.write(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return nil
}

// cmd is a program in the node's folder with little of our environment, so that
// what is set there for other programs does not change the servers.
func (n *node) cmd(env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = n.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.dir, "TMPDIR=" + n.dir, "LC_ALL=C"}, env...)
	return cmd
}

// run runs a helper program to its end.
func (n *node) run(ctx context.Context, cmd *exec.Cmd) error {
	c := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	c.Dir, c.Env = cmd.Dir, cmd.Env
	c.WaitDelay = 5 * time.Second // for children that keep the output open
	c.SysProcAttr = &syscall.SysProcAttr{Credential: n.account.credential()}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("devstack: %s: %s: %w:\n%s", n.kind, filepath.Base(cmd.Path), err, out)
	}
	return nil
}

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
