// Package dsn reads what a PostgreSQL connection string says, without ever showing a password.
package dsn

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// String is a connection string that the driver understood.
type String struct {
	text   string
	config *pgconn.Config
}

// Parse reads a connection string as the driver does, with the PG* variables, .pgpass and
// service files that fill what it leaves out. The error never holds the text.
func Parse(text string) (String, error) {
	c, err := pgconn.ParseConfig(text)
	if err != nil {
		return String{}, errors.New("it is no connection string that can be used; its text is not shown, it may hold a password")
	}
	return String{text, c}, nil
}

// Password is what the driver would send, wherever it comes from.
func (s String) Password() string { return s.config.Password }

// User is who logs in.
func (s String) User() string { return s.config.User }

// Database is what is connected to.
func (s String) Database() string { return cmp.Or(s.config.Database, s.config.User) }

// Redact shows a connection string as hosts, database and user, as the driver understood
// them; what it did not understand is hidden whole. Nothing is cut out of the text itself:
// where a password ends is what a misspelt string leaves open.
func Redact(text string) string {
	s, err := Parse(text)
	if err != nil || s.Misplaced() {
		return "***"
	}
	return fmt.Sprintf("host=%s dbname=%s user=%s", strings.Join(s.hosts(), ","), s.Database(), s.User())
}

// hosts are the servers of a connection string, as host:port.
func (s String) hosts() []string {
	all := []string{hostPort(s.config.Host, s.config.Port)}
	for _, f := range s.config.Fallbacks {
		all = append(all, hostPort(f.Host, f.Port))
	}
	return slices.Compact(all)
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, fmt.Sprint(port))
}

// Misplaced tells that a part of a password was taken for something else: `p@ss/word` in a
// URL makes the rest of it a host or a database.
func (s String) Misplaced() bool {
	for _, h := range s.hosts() {
		if strings.Contains(h, "@") {
			return true
		}
	}
	if strings.Contains(s.config.User, ":") { // the colon before a password, escaped, or in key=value form
		return true
	}
	_, rest, isURL := strings.Cut(s.text, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, database, _ := strings.Cut(rest, "/")
	return isURL && strings.Contains(database, "@")
}

// HasPassword reports whether a password stands in the connection string itself, rather
// than in a file or a variable that the driver reads.
func HasPassword(text string) bool {
	if regexp.MustCompile(`(?i)\b(ssl)?password\s*=`).MatchString(text) {
		return true
	}
	_, rest, isURL := strings.Cut(text, "://")
	authority, _, _ := strings.Cut(rest, "/")
	user, _, has := strings.Cut(authority, "@")
	return isURL && has && strings.Contains(user, ":")
}

// Unencrypted names the servers that a connection string may reach without a verified or at
// least an encrypted connection, loopback and sockets left out.
func (s String) Unencrypted() []string {
	c := s.config
	var open []string
	for i, h := range append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks...) {
		if at := hostPort(h.Host, h.Port); h.TLSConfig == nil && !Local(h.Host) && (i == 0 || !slices.Contains(open, at)) {
			open = append(open, at)
		}
	}
	return open
}

// Local tells that what is sent to a host does not leave this machine.
func Local(host string) bool {
	if host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}
