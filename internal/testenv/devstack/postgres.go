package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// oldestPostgres is the oldest that is used when found; 13 knows DROP DATABASE …
// WITH (FORCE).
const oldestPostgres = 13

// postgres is PostgreSQL as installed, else as brought.
type postgres struct {
	bin       string
	installed []string // folders to look for it
}

func (p *postgres) find(ctx context.Context, n *node) (string, error) {
	for _, dir := range p.installed {
		if v := probePostgres(ctx, dir); v >= oldestPostgres && n.account.canReach(dir) == nil {
			p.bin = dir
			return fmt.Sprintf("PostgreSQL %d", v), nil
		}
	}
	var err error
	p.bin, err = fetchPostgres(ctx, n)
	return "PostgreSQL " + embeddedVersion, err
}

// postgresFolders lists where initdb and postgres may be: PATH, then where
// distributions put them.
func postgresFolders() []string {
	var dirs []string
	for _, name := range []string{"initdb", "postgres"} {
		if path, err := exec.LookPath(name); err == nil {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err == nil { // the patterns are well-formed
			dirs = append(dirs, found...)
		}
	}
	return dirs
}

// probePostgres is 0 if the folder has not both initdb and postgres.
func probePostgres(ctx context.Context, dir string) int {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	return postgresVersion(string(out))
}

// postgresVersion reads "postgres (PostgreSQL) 15.18 (Debian …)" as 15.
func postgresVersion(out string) int {
	m := regexp.MustCompile(`\(PostgreSQL\) (\d+)`).FindStringSubmatch(out)
	if m == nil {
		return 0
	}
	v, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return v
}

// postgresAccess lets tests try passwords: only the superuser needs none.
const postgresAccess = `local all         postgres              trust
local replication postgres              trust
host  all         postgres 127.0.0.1/32 trust
host  replication postgres 127.0.0.1/32 trust
local all         all                   scram-sha-256
host  all         all      127.0.0.1/32 scram-sha-256
host  replication all      127.0.0.1/32 scram-sha-256
`

func (p *postgres) prepare(ctx context.Context, n *node) error {
	data := filepath.Join(n.dir, "data")
	if len(n.dir) > 85 { // sockets have at most 103 characters on macOS
		return fmt.Errorf("devstack: the path %s is too long for a unix socket: set HUMPTY_DEVSTACK to a shorter one", n.dir)
	}
	err := n.run(ctx, n.cmd(nil, filepath.Join(p.bin, "initdb"), "--pgdata="+data, "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"))
	if err != nil {
		return err
	}
	conf := []string{
		"listen_addresses = '127.0.0.1'",
		"port = " + strconv.Itoa(n.ports[0]),
		"unix_socket_directories = '" + n.dir + "'",
		"wal_level = logical",
		"max_replication_slots = 100",
		"max_wal_senders = 100",
		"max_connections = 300",
		"shared_buffers = 128MB",
		"max_wal_size = 4GB",
		"log_line_prefix = '%m [%p] %d '",
	}
	if !n.opts.Durable {
		conf = append(conf, "fsync = off", "synchronous_commit = off", "full_page_writes = off")
	}
	conf = append(conf, n.opts.Config[n.kind]...)
	if err := n.account.write(filepath.Join(data, "pg_hba.conf"), postgresAccess); err != nil {
		return err
	}
	if err := n.files(data); err != nil {
		return err
	}
	return n.account.write(filepath.Join(data, "postgresql.conf"), strings.Join(conf, "\n")+"\n")
}

func (p *postgres) command(n *node) *exec.Cmd {
	return n.cmd(nil, filepath.Join(p.bin, "postgres"), "-D", filepath.Join(n.dir, "data"))
}

func (p *postgres) dsn(n *node) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", n.ports[0])
}

func (p *postgres) ready(ctx context.Context, n *node) error {
	conn, err := pgx.Connect(ctx, p.dsn(n))
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && strings.HasPrefix(refused.Code, "28") {
		return nil // a pg_hba.conf in Options.Files lets nobody in without a password
	}
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "SELECT 1")
	return errors.Join(err, conn.Close(ctx))
}

func (p *postgres) traits(n *node) traits {
	return traits{
		stop:    syscall.SIGINT,  // "fast": does not wait for clients
		quit:    syscall.SIGQUIT, // "immediate": ends its sessions, which SIGKILL would leave
		address: p.dsn(n),
		export:  func(a *Addresses) { a.Postgres = p.dsn(n) },
	}
}
