package config

import (
	"encoding/json"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

const hidden = "***"

// Secret is a value that must not be printed: every way of printing it gives ***.
// The zero value is an empty secret.
type Secret struct {
	value *string // a pointer: fmt follows no pointer below the top, not even with %#v
}

// NewSecret hides value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal gives the value itself, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return hidden
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalJSON hides the value from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// RedactDSN returns a PostgreSQL connection string with its passwords hidden, in the
// URL and in the keyword form. What cannot be read as either is hidden whole.
func RedactDSN(dsn string) string {
	if !regexp.MustCompile(`^postgres(ql)?://`).MatchString(dsn) {
		word := regexp.MustCompile(`(?i)\b(password|sslpassword)\s*=\s*('(?:[^'\\]|\\.)*'?|\S+)`)
		return word.ReplaceAllString(dsn, "${1}="+hidden)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return hidden
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), "HIDDEN")
	}
	query := u.Query()
	for name := range query {
		if name == "password" || name == "sslpassword" {
			query.Set(name, "HIDDEN")
		}
	}
	u.RawQuery = query.Encode()
	return regexp.MustCompile(`\bHIDDEN\b`).ReplaceAllString(u.String(), hidden)
}

// dsnHasPassword reports whether a password stands in the connection string.
func dsnHasPassword(dsn string) bool { return strings.Contains(RedactDSN(dsn), hidden) }
