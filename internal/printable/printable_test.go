package printable

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Käse 10 €\tx\nnext": "Käse 10 €\tx\nnext",
		"a\x1b[2Jb":          `a\u001b[2Jb`,
		"a\rb\x00\x7f":       `a\u000db\u0000\u007f`,
		"\u009b2J":           `\u009b2J`,
		"user\u202etxt.exe":  `user\u202etxt.exe`,
		"a\u2066b\u2028c":    `a\u2066b\u2028c`,
		"a\xffb":             `a\ufffdb`,
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"order-1":                       "order-1",
		"x\nnext      humpty prune all": `"x\u000anext      humpty prune all"`,
		"a\tb":                          `"a\u0009b"`,
		`a"b`:                           `a"b`,
	} {
		if got := Value(in); got != want {
			t.Errorf("Value(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestShell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"orders-20261129t101112": "orders-20261129t101112", "--to": "--to", "/etc/humpty.yaml": "/etc/humpty.yaml",
		"$(reboot)": "'$(reboot)'", "it's": `'it'\''s'`, "": "''", "a b": "'a b'", "-x;y": "'-x;y'",
	} {
		if got := Shell(in); got != want {
			t.Errorf("Shell(%q) = %s, want %s", in, got, want)
		}
	}
}

// FuzzText: what is shown has nothing that a terminal obeys, and is shown again as it is.
func FuzzText(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return hostile(r) && r != '\n' && r != '\t' }) {
			t.Errorf("Text(%q) = %q", s, got)
		}
		if Text(got) != got {
			t.Errorf("Text(Text(%q)) = %q", s, Text(got))
		}
		if v := Value(s); strings.ContainsAny(v, "\n\t\r\x1b") {
			t.Errorf("Value(%q) = %q", s, v)
		}
	})
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = `hunt&r "2"/+é`
	var s Secrets
	s.Add(secret)
	s.Add("abc") // too short
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{
		secret, html.EscapeString(secret), strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"), strings.ToLower(url.QueryEscape(secret)), url.QueryEscape(secret), url.PathEscape(secret), string(quoted), fmt.Sprintf("%q", secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte("u:" + secret)), base64.StdEncoding.EncodeToString([]byte("me:" + secret)), base64.StdEncoding.EncodeToString([]byte("user:" + secret + "!")),
	} {
		if got := s.Hide("x " + form + " abc"); strings.Contains(got, form) || !strings.Contains(got, "***") || !strings.Contains(got, "abc") {
			t.Errorf("%q is shown as %q", form, got)
		}
	}
	s.Add("12345")
	line := []byte(`{"n":12345,"a\"12345":"x12345","b":["\\",12345,"12345`)
	if got, want := string(s.HideJSON(line)), `{"n":12345,"a\"***":"x***","b":["\\",12345,"***`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var out bytes.Buffer
	if n, err := (Writer{&out, &s}).Write([]byte("12345\x1b")); n != 6 || err != nil || out.String() != `***\u001b` {
		t.Errorf("%d %v %q", n, err, out.String())
	}
}
