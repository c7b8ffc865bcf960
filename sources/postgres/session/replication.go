package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// ConnectReplication opens a connection that speaks the replication protocol, with the settings
// that give values the text they have in documents' ids.
func ConnectReplication(ctx context.Context, dsn string) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the dsn of the PostgreSQL source cannot be read")
	}
	withDialTimeout(config)
	config.RuntimeParams["replication"] = "database"
	config.RuntimeParams["application_name"] = "humpty"
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.RuntimeParams["datestyle"] = "ISO, YMD"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["intervalstyle"] = "postgres"
	config.RuntimeParams["extra_float_digits"] = "1"
	config.RuntimeParams["bytea_output"] = "hex"
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "42501" {
			return nil, fmt.Errorf("user %s may not replicate: %s\n    ALTER ROLE %s REPLICATION;", config.User, pg.Message, QuoteIdent(config.User))
		}
		return nil, connectError(err, config, fmt.Sprintf("replication of database %s on %s", config.Database, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))))
	}
	return conn, nil
}
