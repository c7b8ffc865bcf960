package config

import (
	"encoding/json"
	"log/slog"
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
