package private

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// TestSecured has a server with security on, and reaches it in every way there is.
func TestSecured(t *testing.T) {
	s := startSecured(t)
	t.Run("Enough", func(t *testing.T) { s.sufficient(t) })
	t.Run("EachRight", func(t *testing.T) { s.eachRight(t) })
	t.Run("Ways", func(t *testing.T) { s.authentication(t) })
	t.Run("Refused", func(t *testing.T) { s.refused(t) })
	t.Run("Snapshots", func(t *testing.T) { s.snapshots(t) })
	t.Run("Revoked", func(t *testing.T) { s.revoked(t) })
}

// The rights that the message of a refusal asks for, in the two forms that it gives.
var (
	leaseRights = indexRights{[]string{"humpty-leases"}, []string{"create_index", "write", "read", "view_index_metadata"}}
	short       = []string{"create_index", "write", "read", "view_index_metadata", "manage"}
	fine        = []string{
		"create_index", "write", "read", "view_index_metadata", "monitor", "maintenance",
		"indices:admin/aliases*", "indices:admin/settings/update*", "indices:admin/mapping/put*", "indices:admin/block/add*",
	}
)

func roleWith(privileges []string) role {
	return role{Cluster: []string{"monitor"}, Indices: []indexRights{{[]string{"shop", "shop-*"}, privileges}, leaseRights}}
}

// rebuild is a whole one, from the lease to the swap, with a comparison in full.
func rebuild(t *testing.T, target *elastic.Target, run string) error {
	t.Helper()
	source := &sourcetest.MemorySource{}
	for i := range 20 {
		source.Records = append(source.Records, sources.Record{Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	r := projector.Rebuild{
		Projection: projector.Projection{Name: "shop", Alias: "shop", Versions: "class", Index: []byte(`{"settings":{"number_of_replicas":0}}`)},
		Source:     source, Target: target, Owner: sinks.Owner{Run: run}, MaxOutage: -1,
	}
	rec, err := r.Run(t.Context())
	if err == nil && (rec.Status != report.Completed || rec.Ledger.Written != 20 || rec.Verified == nil) {
		t.Errorf("%+v", rec)
	}
	return err
}

// sufficient goes through rebuilds with the documented rights and no others.
func (s *secured) sufficient(t *testing.T) {
	for form, privileges := range map[string][]string{"short": short, "fine": fine} {
		t.Run(form, func(t *testing.T) {
			cfg, _ := s.apiKey(t, roleWith(privileges))
			cfg.Load.MaxSegments = 1
			target := elastictest.Target(t, cfg)
			if err := target.Permitted(t.Context()); err != nil {
				t.Error(err)
			}
			for _, run := range []string{"a", "b"} {
				if err := rebuild(t, target, form+run); err != nil {
					t.Fatal(err)
				}
			}
			s.otherCalls(t, target)
			survey, err := target.Survey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = target.Drop(t.Context(), survey.Generations[0].Name)
			if form == "short" && err != nil {
				t.Errorf("manage includes the right to delete: %v", err)
			}
			if form == "fine" {
				elastictest.WantError(t, err, elastic.Rights, "drop index "+survey.Generations[0].Name, "delete_index only for prune")
			}
		})
	}
}

// otherCalls is what only some runs do: a brake, a freeze, a handover.
func (s *secured) otherCalls(t *testing.T, target *elastic.Target) {
	t.Helper()
	if took, err := target.SearchLatency(t.Context()); took == 0 || err != nil {
		t.Errorf("a search took %v, %v", took, err)
	}
	if _, err := target.IndexingPressure(t.Context()); err != nil {
		t.Error(err)
	}
	survey, err := target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	live := survey.Live()
	if err := errors.Join(target.Block(t.Context(), live), target.Unblock(t.Context(), live)); err != nil {
		t.Error(err)
	}
	index, err := target.Open(t.Context(), live)
	if err != nil {
		t.Fatal(err)
	}
	fence, ok := index.(sinks.WriterFence)
	if !ok {
		t.Fatal("an index does not tell its writers apart")
	}
	if err := errors.Join(fence.BeginWriter(t.Context(), sinks.FollowWriter), fence.EndWriter(t.Context())); err != nil {
		t.Error(err)
	}
	if _, err := fence.Primaries(t.Context()); err != nil {
		t.Error(err)
	}
}

// eachRight takes one right away at a time: the rebuild is refused before it has made an
// index, with what is lacking and what to grant.
func (s *secured) eachRight(t *testing.T) {
	before := s.indices(t)
	without := func(all []string, i int) []string { return slices.Concat(all[:i], all[i+1:]) }
	for i, right := range fine {
		cfg, _ := s.apiKey(t, roleWith(without(fine, i)))
		err := rebuild(t, elastictest.Target(t, cfg), "lacks")
		elastictest.WantError(t, err, elastic.Rights, right, "grant the account these rights", "indices shop and shop-*: create_index, write")
		if !strings.Contains(err.Error(), "that a rebuild needs") && right != "view_index_metadata" && right != "read" {
			t.Errorf("%s: refused by a call of the run, not before it: %v", right, err)
		}
	}
	for i, right := range leaseRights.Privileges {
		account := roleWith(fine)
		account.Indices[1].Privileges = without(leaseRights.Privileges, i)
		cfg, _ := s.apiKey(t, account)
		elastictest.WantError(t, rebuild(t, elastictest.Target(t, cfg), "lacks"), elastic.Rights, right, "humpty-leases", "grant the account these rights")
	}
	blind := roleWith(fine)
	blind.Cluster = nil
	cfg, _ := s.apiKey(t, blind)
	_, err := elastic.Dial(t.Context(), cfg)
	elastictest.WantError(t, err, elastic.Rights, "cluster:monitor", "grant the account these rights", "cluster: monitor")
	deaf := roleWith(fine) // it may monitor all but the tasks
	deaf.Cluster = []string{"cluster:monitor/main", "cluster:monitor/health", "cluster:monitor/state", "cluster:monitor/stats", "cluster:monitor/nodes/*"}
	cfg, _ = s.apiKey(t, deaf)
	for what, err := range map[string]error{"check": elastictest.Target(t, cfg).Permitted(t.Context()), "rebuild": rebuild(t, elastictest.Target(t, cfg), "lacks")} {
		if elastictest.WantError(t, err, elastic.Rights, "monitor on the cluster (to list the bulk requests under way", "cluster: monitor"); strings.Contains(err.Error(), "on shop") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := s.indices(t); after != before {
		t.Errorf("refused runs have left indices: %s, before them %s", after, before)
	}
}

func (s *secured) indices(t *testing.T) string {
	t.Helper()
	var all []struct{ Index string }
	s.admin(t, http.MethodGet, "/_cat/indices/shop*?format=json&h=index&s=index&expand_wildcards=all", nil, &all)
	return fmt.Sprint(all)
}

// authentication is by a user, a token and a certificate; an address may be one of IPv6.
func (s *secured) authentication(t *testing.T) {
	s.admin(t, http.MethodPut, "/_security/role/loader", roleWith(short), nil)
	s.admin(t, http.MethodPut, "/_security/user/loader", map[string]any{"password": "loader-secret", "roles": []string{"loader"}}, nil)
	s.admin(t, http.MethodPut, "/_security/role_mapping/loader", map[string]any{
		"enabled": true, "roles": []string{"loader"}, "rules": map[string]any{"field": map[string]string{"realm.name": "badges"}},
	}, nil)
	var token struct {
		Text string `json:"access_token"`
	}
	s.admin(t, http.MethodPost, "/_security/oauth2/token", map[string]string{"grant_type": "password", "username": "loader", "password": "loader-secret"}, &token)
	user, bearer, badge := s.config(), s.config(), s.config()
	user.Credentials.Username, user.Credentials.Password = "loader", "loader-secret"
	bearer.Credentials.Bearer = token.Text
	badge.TLS.Cert, badge.TLS.Key = s.cert, s.key
	all := map[string]elastic.Config{"user": user, "token": bearer, "certificate": badge}
	if s.ipv6 != "" {
		user.Addresses = []string{s.ipv6}
		all["ipv6"] = user
	}
	for way, cfg := range all {
		t.Run(way, func(t *testing.T) {
			if err := rebuild(t, elastictest.Target(t, cfg), way); err != nil {
				t.Error(err)
			}
		})
	}
}

func (s *secured) refused(t *testing.T) {
	user, key, token, nobody := s.config(), s.config(), s.config(), s.config()
	user.Credentials.Username, user.Credentials.Password = "admin", "wrong"
	key.Credentials.APIKey = "bm86bm8="
	token.Credentials.Bearer = "bm8="
	for _, cfg := range []elastic.Config{user, key, token, nobody} {
		_, err := elastic.Dial(t.Context(), cfg)
		elastictest.WantError(t, err, elastic.Rights, "does not accept the credentials", "check username and password")
	}
	nobody.TLS.CA = ""
	_, err := elastic.Dial(t.Context(), nobody)
	elastictest.WantError(t, err, elastic.Unreachable, "certificate signed by unknown authority", "ca")
	reader, _ := s.apiKey(t, role{Cluster: []string{"monitor"}, Indices: []indexRights{{[]string{"shop", "shop-*"}, []string{"read", "view_index_metadata"}}}})
	target := elastictest.Target(t, reader)
	if _, err := target.Survey(t.Context()); err != nil {
		t.Errorf("a reader may not look: %v", err)
	}
	_, err = target.Take(t.Context(), sinks.Lease{}, sinks.Owner{Run: "r"}, time.Minute)
	elastictest.WantError(t, err, elastic.Rights, "lease", "indices humpty-leases: create_index")
}

// snapshots saves and restores with what docs/security.md says, and with each of it taken away does not.
func (s *secured) snapshots(t *testing.T) {
	s.admin(t, http.MethodPut, "/_snapshot/backup", map[string]any{"type": "fs", "settings": map[string]string{"location": "backup"}}, nil)
	rights := []string{"create_snapshot", "cluster:admin/snapshot/restore"}
	keep := func(run string, cluster []string) error {
		account := roleWith(short)
		account.Cluster = append([]string{"monitor"}, cluster...)
		cfg, _ := s.apiKey(t, account)
		target := elastictest.Target(t, cfg)
		survey, err := target.Survey(t.Context())
		if err != nil {
			return err
		}
		saved, err := target.Save(t.Context(), "backup", run, survey.Live(), nil)
		if err != nil {
			return err
		}
		_, err = target.Restore(t.Context(), saved, "shop-"+run, nil)
		return err
	}
	if err := keep("enough", rights); err != nil {
		t.Error(err)
	}
	for i, right := range rights {
		elastictest.WantError(t, keep(fmt.Sprint("lacks", i), slices.Concat(rights[:i], rights[i+1:])), elastic.Rights, strings.TrimSuffix(right, "_snapshot"))
	}
}

// revoked takes a key away in the middle of a load.
func (s *secured) revoked(t *testing.T) {
	cfg, id := s.apiKey(t, roleWith(short))
	target := elastictest.Target(t, cfg)
	index, err := target.Create(t.Context(), sinks.Generation{Name: "shop-revoked", Meta: sinks.Meta{Alias: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.Write(t.Context(), elastictest.Batch(5, 1), make([]sinks.Verdict, 5)); err != nil {
		t.Fatal(err)
	}
	s.admin(t, http.MethodDelete, "/_security/api_key", map[string][]string{"ids": {id}}, nil)
	_, err = index.Write(t.Context(), elastictest.Batch(5, 1), make([]sinks.Verdict, 5))
	elastictest.WantError(t, err, elastic.Rights, "write to index shop-revoked: 5 documents are without a verdict", "does not accept the credentials")
}
