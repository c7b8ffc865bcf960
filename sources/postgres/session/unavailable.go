package session

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsUnavailable reports whether err means that the server did not answer or ended the
// connection, or cannot serve now. A wrong password or a missing right is no outage, but a
// server that is full, stops, starts or recovers is one.
func IsUnavailable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "57P01", "57P02", "57P03", "53300": // stopping, crashed, not up yet, no connection left
			return true
		}
		if isReplicaConflict(pg.Code, pg.Message) {
			return true
		}
		return strings.HasPrefix(pg.Code, "08")
	}
	var network net.Error
	return errors.As(err, &network) && !errors.Is(err, context.Canceled) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, pgconn.ErrConnClosed)
}
