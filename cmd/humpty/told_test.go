package main

import (
	"errors"
	"fmt"
	"testing"

	"humpty/internal/problem"
)

// TestRemediesNameTheConfiguration: what a refusal says to type is about the same file.
func TestRemediesNameTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		err    error
		want   string
	}{
		"one at the end": {"shop.yaml", &problem.Refusal{Why: "no", Remedy: "make one: humpty rebuild orders"}, "no\nmake one: humpty rebuild orders --config shop.yaml"},
		"several": {
			"shop.yaml",
			&problem.Refusal{Why: "no", Remedy: "look: humpty verify orders --ids FILE\nhumpty repair orders --max-delete 3, or humpty rebuild orders; or not"},
			"no\nlook: humpty verify orders --ids FILE --config shop.yaml\nhumpty repair orders --max-delete 3 --config shop.yaml, or humpty rebuild orders --config shop.yaml; or not",
		},
		"quoted": {
			"shop.yaml", fmt.Errorf("verify: %w", &problem.Refusal{Why: "humpty knows none", Remedy: "`humpty status orders` lists them"}),
			"verify: humpty knows none\n`humpty status orders --config shop.yaml` lists them",
		},
		"the usual file": {defaultConfig, &problem.Refusal{Why: "no", Remedy: "humpty rebuild orders"}, "no\nhumpty rebuild orders"},
		"another error":  {"shop.yaml", errors.New("humpty status orders"), "humpty status orders"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &app{}
			a.flags.config = c.config
			if got := a.told(c.err); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
