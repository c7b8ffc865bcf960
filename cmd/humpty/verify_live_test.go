package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// application writes into the database and then into the index, without end: what it writes
// in between is on its way.
func (s *shop) application(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return err
	}
	end := context.WithoutCancel(ctx) // both sides get the last write too
	defer conn.Close(end)
	for n := 0; ctx.Err() == nil; n++ {
		id, note := 100+n%150, fmt.Sprint("written ", n)
		if _, err := conn.Exec(end, "UPDATE orders SET note = $1 WHERE id = $2", note, id); err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(end, http.MethodPost, fmt.Sprintf("%s/%s/_update/%d", s.es, s.alias, id),
			strings.NewReader(fmt.Sprintf(`{"doc":{"note":%q}}`, note)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the application's write of %d: HTTP %d", id, res.StatusCode)
		}
	}
	return nil
}

// TestVerifyWhileTheApplicationWrites: what the application has under way is no difference,
// what was planted is, and repair fixes that and undoes no write.
func TestVerifyWhileTheApplicationWrites(t *testing.T) {
	t.Parallel()
	s, _ := drifted(t)
	ctx, stop := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error { return s.application(ctx) })
	for range 3 {
		s.run(t.Context(), "verify", "--settle", "300ms").want(t, exitDiffers, "1 missing, 1 stale, 1 extra", "document 7: missing", "document 8: stale", "document 900: extra")
	}
	s.run(t.Context(), "repair", "--settle", "300ms").want(t, 0, "2 written, 1 deleted")
	s.run(t.Context(), "verify", "--settle", "300ms").want(t, 0, "0 missing, 0 stale, 0 extra")
	stop()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	s.run(t.Context(), "verify", "--settle", "10ms").want(t, 0, "0 missing, 0 stale, 0 extra")
}
