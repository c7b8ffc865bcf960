//go:build unix

// Package rights runs the built program with no more rights than docs/security.md says.
package rights

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// blocks are the page's pieces of a language.
func blocks(t *testing.T, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	return all
}

// poor is a shop on a server of its own, whose database lets in nobody but by the page's statements: what
// PostgreSQL gives to all roles is revoked.
type poor struct {
	*rig.Shop
	grants []string // of the page: to read, to follow changes, for expressions
}

func newPoor(t *testing.T) *poor {
	t.Helper()
	server := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	(&rig.Database{DSN: server}).SQL(t, "CREATE DATABASE shop")
	p := &poor{Shop: rig.New(t, rig.WithDatabase(t, server, "shop"), devstack.Elasticsearch(t)), grants: blocks(t, "sql")}
	if len(p.grants) != 3 {
		t.Fatalf("the page has %d pieces of SQL", len(p.grants))
	}
	p.SQL(t, rig.Tables)
	p.SQL(t, "REVOKE ALL ON DATABASE shop FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC")
	p.SQL(t, p.grants[0])
	u, err := url.Parse(p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("humpty", "change-me")
	p.Env["SHOP_DSN"] = u.String()
	return p
}

// live grants what a live run needs, and has the configuration say so as the page does.
func (p *poor) live(t *testing.T, writer string) {
	t.Helper()
	p.SQL(t, p.grants[1])
	source := strings.TrimPrefix(blocks(t, "yaml")[0], "sources:\n")
	p.Edit(t, "  shop: {postgres: {dsn: \"${SHOP_DSN}\"}}\n", source)
	p.Live(t, writer, "    keep: {generations: 3}\n")
}

// publication tells the page's publication from one that was altered or made again, and lists the others.
func (p *poor) publication(t *testing.T) string {
	t.Helper()
	var is string
	if err := p.Connect(t).QueryRow(t.Context(), "SELECT string_agg(p.pubname || ' ' || p.oid || ' ' || p.xmin || ' ' || (SELECT string_agg(r.oid || ' ' || r.xmin, ',') FROM pg_publication_rel r WHERE r.prpubid = p.oid), ';') FROM pg_publication p").Scan(&is); err != nil {
		t.Fatal(err)
	}
	return is
}

func (p *poor) slots(t *testing.T) (n int) {
	t.Helper()
	if err := p.Connect(t).QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// settled waits until the index is what SQL says.
func (p *poor) settled(t *testing.T) {
	t.Helper()
	rig.WaitFor(t, 200*time.Millisecond, "the index to be what SQL says", func() bool { return len(p.Differing(t, true)) == 0 })
}

// spoil makes a document of the alias another than the source has it.
func (p *poor) spoil(t *testing.T) {
	t.Helper()
	if code, answer := p.Request(t, http.MethodPost, "/"+p.Alias+"/_bulk?refresh=true", "{\"index\":{\"_id\":\"11\"}}\n{\"id\":11,\"note\":\"spoilt\"}\n"); code != http.StatusOK || strings.Contains(answer, `"errors":true`) {
		t.Fatalf("%d %s", code, answer)
	}
}

// TestRightsOfThePage: with the page's statements, typed as they stand, every verb does its work, with
// snapshots and with each writer of a live run.
func TestRightsOfThePage(t *testing.T) {
	t.Parallel()
	t.Run("snapshot", func(t *testing.T) {
		t.Parallel()
		p := newPoor(t)
		p.Run(t, "check").Want(t, 0)
		p.Run(t, "plan").Want(t, 0)
		p.Run(t, "rebuild").Want(t, 0)
		p.EqualsOracle(t)
		p.spoil(t)
		p.Run(t, "verify").Want(t, 3)
		p.Run(t, "repair").Want(t, 0)
		p.EqualsOracle(t)
		p.Run(t, "rebuild").Want(t, 0)
		p.Run(t, "rollback", "--yes").Want(t, 0)
		p.Run(t, "status").Want(t, 0)
		p.Run(t, "prune", "--yes").Want(t, 0)
	})
	for _, writer := range []string{"freeze", "handover", "follow"} {
		t.Run(writer, func(t *testing.T) {
			t.Parallel()
			p := newPoor(t)
			p.live(t, writer)
			if writer == "handover" {
				p.Edit(t, "          columns: [name]\n", "          columns: [name]\n          where: id > 0\n")
				p.Run(t, "check").Want(t, 64, "GRANT TEMPORARY ON DATABASE shop TO humpty;")
				p.SQL(t, p.grants[2])
			}
			p.verbs(t, writer)
		})
	}
}

// verbs goes through the verbs of a live projection, the first while an application writes.
func (p *poor) verbs(t *testing.T, writer string) {
	t.Helper()
	given := p.publication(t)
	p.Run(t, "check").Want(t, 0)
	p.Run(t, "plan").Want(t, 0)
	stop := p.Busy(t, 7, rig.ReferencedChange)
	p.Run(t, "rebuild").Want(t, 0)
	stop()
	p.Run(t, "status").Want(t, 0)
	if writer == "follow" {
		following := p.Start(t, "follow")
		p.settled(t)
		following.Interrupt(t).Want(t, 0)
	}
	p.Run(t, "rebuild").Want(t, 0)
	p.EqualsOracle(t)
	p.Run(t, "verify").Want(t, 0)
	p.Run(t, "rollback", "--yes", "--now").Want(t, 0)
	p.spoil(t)
	p.SQL(t, "UPDATE customer SET name = 'while nobody follows'")
	adopting := p.Start(t, "follow", "--adopt", "orders", "--max-stale", "1000", "--max-delete", "1000")
	if writer == "follow" {
		rig.WaitFor(t, time.Second, "humpty follow", func() bool {
			return strings.Contains(p.Run(t, "status").Out, "humpty follow keeps it up to date")
		})
		p.settled(t)
		adopting.Interrupt(t).Want(t, 0)
	} else {
		adopting.Wait(t).Want(t, 0)
	}
	p.settled(t)
	p.spoil(t)
	p.Run(t, "repair").Want(t, 0)
	p.settled(t)
	p.Run(t, "prune", "--yes").Want(t, 0)
	if now := p.publication(t); now != given {
		t.Errorf("the publication was %s and is %s", given, now)
	}
	if n := p.slots(t); n != 0 && writer != "follow" || n > 1 {
		t.Errorf("%d slots are left", n)
	}
}
