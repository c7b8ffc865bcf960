package console

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"humpty/internal/problem"
)

func TestPrompt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		yes, terminal, json bool
		typed               string
		refused             string
	}{
		"yes":              {yes: true},
		"typed":            {terminal: true, typed: "orders\n"},
		"typed at the end": {terminal: true, typed: "orders"},
		"something else":   {terminal: true, typed: "order\n", refused: "the name orders was not typed"},
		"nothing":          {terminal: true, refused: "the name orders was not typed"},
		"no terminal":      {typed: "orders\n", refused: "there is no terminal to ask at"},
		"json":             {terminal: true, json: true, typed: "orders\n", refused: "there is no terminal to ask at"},
	} {
		var out strings.Builder
		asked := &Console{In: strings.NewReader(c.typed), Err: &out, InTerminal: c.terminal, ErrTerminal: c.terminal, Yes: c.yes, JSON: c.json}
		err := asked.Confirm("really? ", "orders", "humpty prune --yes")
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v", name, err)
		case !c.terminal && out.String() != "":
			t.Errorf("%s: asked %q", name, out.String())
		case c.refused != "" && !c.terminal && !strings.Contains(err.Error(), "--yes"):
			t.Errorf("%s: --yes is not named in %v", name, err)
		}
	}
}

// TestRemediesNameTheConfiguration: what a refusal says to type is about the same file.
func TestRemediesNameTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		err    error
		want   string
	}{
		"one at the end": {"shop.yaml", &problem.Refusal{Why: "no", Remedy: "make one: humpty rebuild orders"}, "no\nmake one: humpty --config shop.yaml rebuild orders"},
		"several": {
			"shop.yaml",
			&problem.Refusal{Why: "no", Remedy: "look: humpty verify orders --ids FILE\nhumpty repair orders --max-delete 3, or humpty rebuild orders; or not"},
			"no\nlook: humpty --config shop.yaml verify orders --ids FILE\nhumpty --config shop.yaml repair orders --max-delete 3, or humpty --config shop.yaml rebuild orders; or not",
		},
		"quoted": {
			"shop.yaml", fmt.Errorf("verify: %w", &problem.Refusal{Why: "humpty knows none", Remedy: "`humpty status orders` lists them"}),
			"verify: humpty knows none\n`humpty --config shop.yaml status orders` lists them",
		},
		"the usual file": {DefaultConfig, &problem.Refusal{Why: "no", Remedy: "humpty rebuild orders"}, "no\nhumpty rebuild orders"},
		"another error":  {"shop.yaml", errors.New("humpty status orders"), "humpty --config shop.yaml status orders"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &Console{}
			if c.config != DefaultConfig {
				a.Flags = []string{"--config", c.config}
			}
			if got := a.Message(c.err); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestCommandsAreAddressedOnce: a text whose commands have their flags is left as it is, also
// where a path looks like a command; words of a command are quoted.
func TestCommandsAreAddressedOnce(t *testing.T) {
	t.Parallel()
	i := Invocation{Flags: []string{"--config", `/a humpty check/it's $(x).yaml`}}
	const flags = `humpty --config '/a humpty check/it'\''s $(x).yaml' `
	for text, want := range map[string]string{
		"then: humpty rebuild orders; or `humpty dlq list`":        "then: " + flags + "rebuild orders; or `" + flags + "dlq list`",
		"humpty help swap, humpty's, /opt/humpty check, or humpty": "humpty help swap, humpty's, /opt/humpty check, or humpty",
	} {
		got := i.Addressed(text)
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if again := i.Addressed(got); again != got {
			t.Errorf("got  %s\nand  %s", got, again)
		}
	}
	if got, want := i.CommandLine("humpty swap", "orders", "", "--to", "orders-$(x)"), flags+"swap orders --to 'orders-$(x)'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	none := Invocation{}
	if got, want := none.CommandLine("humpty swap", "--to", "a b"), "humpty swap --to 'a b'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
