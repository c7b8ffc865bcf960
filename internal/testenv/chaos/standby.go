package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sync/errgroup"
)

const standbyName = "humpty_late"

// maxLag is how late the standby acknowledges at most.
const maxLag = 200 * time.Millisecond

// Standby makes every commit of a server wait for a standby that keeps nothing and
// acknowledges late: such commits are in the stream of changes long before new snapshots
// see them. stop ends it, and lets the server commit alone again.
func Standby(ctx context.Context, dsn string) (stop func() error, err error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["replication"] = "true"
	config.RuntimeParams["application_name"] = standbyName
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect as a standby: %w", err)
	}
	system, err := pglogrepl.IdentifySystem(ctx, conn)
	if err == nil {
		_, err = pglogrepl.CreateReplicationSlot(ctx, conn, standbyName, "", pglogrepl.CreateReplicationSlotOptions{Temporary: true, Mode: pglogrepl.PhysicalReplication})
	}
	if err == nil {
		err = pglogrepl.StartReplication(ctx, conn, standbyName, system.XLogPos, pglogrepl.StartReplicationOptions{Mode: pglogrepl.PhysicalReplication})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("replicate as a standby: %w", err), conn.Close(ctx))
	}
	running, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return acknowledge(running, conn, system.XLogPos) })
	stop = func() error {
		ctx := context.WithoutCancel(ctx)
		err := waitFor(ctx, dsn, "")
		cancel()
		return errors.Join(err, group.Wait(), conn.Close(ctx))
	}
	if err := waitFor(ctx, dsn, standbyName); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// waitFor sets whom commits wait for.
func waitFor(ctx context.Context, dsn, names string) error {
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	for _, sql := range []string{
		"set synchronous_commit = local",
		"alter system set synchronous_standby_names = '" + names + "'", "select pg_reload_conf()",
	} {
		if _, err := admin.Exec(ctx, sql); err != nil {
			return fmt.Errorf("set synchronous_standby_names: %w", err)
		}
	}
	return nil
}

// acknowledge says, late, that everything received is on disk.
func acknowledge(ctx context.Context, conn *pgconn.PgConn, at pglogrepl.LSN) error {
	rng := rand.New(rand.NewPCG(1, 1))
	for due := time.Now(); ; {
		if time.Now().After(due) {
			u := pglogrepl.StandbyStatusUpdate{WALWritePosition: at, WALFlushPosition: at, WALApplyPosition: at}
			if err := pglogrepl.SendStandbyStatusUpdate(ctx, conn, u); err != nil {
				if ctx.Err() != nil {
					return nil //nolint:nilerr // that is how it ends
				}
				return fmt.Errorf("acknowledge as a standby: %w", err)
			}
			due = time.Now().Add(time.Duration(rng.Int64N(int64(maxLag))))
		}
		waiting, cancel := context.WithDeadline(ctx, due)
		raw, err := conn.ReceiveMessage(waiting)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // that is how it ends
		case err != nil && pgconn.Timeout(err):
			continue
		case err != nil:
			return fmt.Errorf("receive as a standby: %w", err)
		}
		data, ok := raw.(*pgproto3.CopyData)
		if !ok || len(data.Data) == 0 || data.Data[0] != pglogrepl.XLogDataByteID {
			continue
		}
		x, err := pglogrepl.ParseXLogData(data.Data[1:])
		if err != nil {
			return err
		}
		at = max(at, x.WALStart+pglogrepl.LSN(len(x.WALData)))
	}
}
