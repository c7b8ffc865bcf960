package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNoSecretIsPrinted: whatever verb meets whatever a wrong peer answers, an echo of the
// request's headers among it, no secret of the configuration is in what is printed, in the
// result line, or in a file that is left behind.
func TestNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	var status int
	var form string
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		clear, _ := base64.StdEncoding.DecodeString(auth[strings.IndexByte(auth, ' ')+1:])
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.WriteHeader(status)
		fmt.Fprintf(w, form, auth+" "+string(clear))
	}))
	t.Cleanup(echo.Close)
	verbs := [][]string{
		{"check"},
		{"check", "--show-effective"},
		{"plan"},
		{"rebuild"},
		{"rebuild", "--new"},
		{"status"},
		{"verify"},
		{"repair"},
		{"swap", "--yes"},
		{"rollback", "--yes"},
		{"prune", "--yes"},
		{"snapshot", "--repository", "r"},
		{"restore", "--repository", "r"},
		{"plan", "--recover"},
		{"follow"},
		{"resume"},
		{"dlq", "list"},
	}
	dir := t.TempDir()
	verbs = append(verbs, [][]string{
		{"verify", "--ids", filepath.Join(dir, "ids.ndjson")},
		{"repair", "--ids", filepath.Join(dir, "ids.ndjson")},
		{"unlock", "--yes"},
		{"rebuild", "--all"},
		{"follow", "--adopt"},
		{"dlq", "show"},
		{"dlq", "retry"},
		{"dlq", "discard", "--yes"},
	}...)
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9 "'&%/+=@:#é$-]{6,12}`).Filter(func(s string) bool {
			return strings.TrimSpace(s) == s && strings.Trim(s, "0123456789") != ""
		})
		password, pg := "S"+secret.Draw(t, "password"), "P"+secret.Draw(t, "database password")
		status = rapid.SampledFrom([]int{200, 400, 401, 403, 404, 409, 413, 429, 500}).Draw(t, "status")
		form = rapid.SampledFrom([]string{"%s", `{"error":{"type":"x","reason":%q}}`, `{"error":%q}`, "<html>%s</html>", `{"tagline":%q}`}).Draw(t, "answer")
		misspelt := rapid.SampledFrom([]string{"", "pasword", "api-key", "auth"}).Draw(t, "misspelt")
		env := map[string]string{"ES_PASSWORD": password, "SHOP_DSN": "postgres://me:" + url.QueryEscape(pg) + "@127.0.0.1:1/shop?connect_timeout=1"}
		extra, variable := "", `"${ES_PASSWORD}"`
		if rapid.Bool().Draw(t, "in the file") {
			variable = "'" + strings.ReplaceAll(password, "'", "''") + "'"
		}
		if misspelt != "" {
			extra = "      " + misspelt + ": '" + strings.ReplaceAll(password, "'", "''") + "'\n"
		}
		known := "      username: me\n      password: " + variable + "\n"
		if misspelt != "" && rapid.Bool().Draw(t, "only misspelt") {
			known = ""
		}
		file := filepath.Join(dir, "humpty.yaml")
		text := "version: 1\nsources: {shop: {postgres: {dsn: \"${SHOP_DSN}\"}}}\ntargets:\n  search:\n    elasticsearch:\n      addresses: [\"" + echo.URL + "\"]\n" +
			known + extra +
			"projections:\n  orders:\n    target: search\n    alias: orders\n    index: {mappings: {dynamic: false}}\n    document: {from: shop.orders}\n    limits: {max_outage: 10ms}\nstate: state\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append(rapid.SampledFrom(verbs).Draw(t, "verb"), "--config", file)
		if rapid.Bool().Draw(t, "json") {
			args = append(args, "--json")
		}
		a := call{env: env}.run(t.Context(), args...)
		printed := a.out + a.err + left(t, dir, file)
		for _, one := range []string{password, pg} {
			for _, form := range []string{
				one, url.QueryEscape(one), url.PathEscape(one), strings.Trim(fmt.Sprintf("%q", one), `"`),
				base64.StdEncoding.EncodeToString([]byte(one)), base64.StdEncoding.EncodeToString([]byte("me:" + one)),
			} {
				if strings.Contains(printed, form) {
					t.Fatalf("%s: %q is in\n%s\n%s", strings.Join(args, " "), form, a.out, a.err)
				}
			}
		}
	})
}

// left is what is in the files below a folder but one.
func left(t *rapid.T, dir, but string) string {
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == but {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(&all, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
