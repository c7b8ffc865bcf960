package alias

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// Neither a search nor a write of the application's fails during a rebuild, but for the block
// of a freeze; and at rest the index is what SQL says.
func TestApplicationThatNeverStops(t *testing.T) {
	t.Parallel()
	server := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	for _, writer := range []string{"handover", "freeze"} {
		t.Run(writer, func(t *testing.T) {
			s := rig.New(t, database(t, server, writer), devstack.Elasticsearch(t))
			s.SQL(t, rig.Tables)
			s.Live(t, writer, "")
			s.Run(t, "rebuild").Want(t, 0)
			app := newApplication(t, s)
			stop := make(chan struct{})
			working := app.work(t, stop)
			before, _ := s.Serving(t)
			s.Run(t, "rebuild", "--batch", "16KB").Want(t, 0, "0 missing, 0 stale, 0 extra")
			close(stop)
			if err := working.Wait(); err != nil {
				t.Fatal(err)
			}
			if err := app.write(t.Context(), app.conns[0]); err != nil || len(app.due) > 0 { // what was refused last
				t.Fatalf("%d documents could not be written: %v", len(app.due), err)
			}
			if after, _ := s.Serving(t); after == before {
				t.Errorf("the alias still serves %s", before)
			}
			if app.writes < 10 || writer == "handover" && app.refused > 0 {
				t.Errorf("%d writes, %d documents refused", app.writes, app.refused)
			}
			if all := s.Differing(t, true); len(all) > 0 {
				t.Errorf("%d documents are wrong, first %s", len(all), all[:min(len(all), 3)])
			}
			t.Logf("%d writes, %d documents refused", app.writes, app.refused)
		})
	}
}

// database makes a database on a server.
func database(t *testing.T, server, name string) string {
	t.Helper()
	d := rig.Database{DSN: server}
	d.SQL(t, "CREATE DATABASE shop_"+name)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/shop_" + name
	return u.String()
}

func do(req *http.Request) (int, []byte, error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}
