package session

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources/postgres/pgtest"
)

// slowWrites is a connection whose writes return when their answer is there already, as
// on a busy machine.
type slowWrites struct{ net.Conn }

func (c slowWrites) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	<-time.After(60 * time.Millisecond) // pgx reads in the background after 15
	return n, err
}

// TestRowsBehindASlowWrite: what pgx has begun to read in the background does not take
// the rows that come next.
func TestRowsBehindASlowWrite(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	config, err := pgconn.ParseConfig(d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		return slowWrites{conn}, nil
	}
	s, err := dial(t.Context(), config, Options{LockTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	defer s.CancelWith(ctx)()
	for i := range 5 {
		if err := s.Exec(t.Context(), "select 1"); err != nil {
			t.Fatal(err)
		}
		s.Queue([]byte(fmt.Sprintf("copy (select generate_series(1, %d)) to stdout (format binary)", 1000+i)))
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for row, err := s.Row(); row != nil || err != nil; row, err = s.Row() {
			if err != nil {
				t.Fatalf("after %d rows: %v", n, err)
			}
			n++
		}
		if n != 1000+i {
			t.Fatalf("%d rows, want %d", n, 1000+i)
		}
		s.Done()
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	err := connectRemedy("28P01", nil)
	if !strings.Contains(err, "wrong password") || !strings.Contains(err, "PGPASSWORD") {
		t.Error(err)
	}
}
