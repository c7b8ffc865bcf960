package elastictest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic"
)

// Target dials; a failure fails the test.
func Target(t *testing.T, cfg elastic.Config) *elastic.Target {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target, err := elastic.Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// Generation makes one generation of a target.
func Generation(t *testing.T, target *elastic.Target, alias, definition string) (sinks.Index, string) {
	t.Helper()
	name := alias + "-20261124t050000"
	meta := sinks.Meta{Schema: 1, Alias: alias, Run: "r7", Epoch: 3, State: sinks.Loading}
	index, err := target.Create(t.Context(), sinks.Generation{Name: name, Definition: []byte(definition), Meta: meta})
	if err != nil {
		t.Fatal(err)
	}
	return index, name
}

// Batch is n small documents with the ids from 0.
func Batch(n int, version int64) []sinks.Document {
	docs := make([]sinks.Document, n)
	for i := range docs {
		docs[i] = sinks.Document{ID: fmt.Append(nil, i), Version: version, Body: fmt.Appendf(nil, `{"n":%d}`, i)}
	}
	return docs
}

// WantError checks the kind of an error and that its message has all the parts.
func WantError(t *testing.T, err error, kind elastic.Kind, parts ...string) {
	t.Helper()
	var e *elastic.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("%v (%T), want an error of kind %d", err, err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the message lacks %q: %v", part, err)
		}
	}
}
