package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/testenv/devstack"
	data "humpty/internal/testenv/shop"
)

// unused is a program of which only the commands are looked at.
func unused() *app {
	return newApp(&console.Console{Out: console.NewSink(io.Discard), Env: func(string) (string, bool) { return "", false }}, nil, os.Exit)
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block returns the README's code block of a language that contains a text.
func block(t *testing.T, language, with string) string {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(readme(t), -1) {
		if strings.Contains(m[2], with) {
			return regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[2], "")
		}
	}
	t.Fatalf("the README has no block of %s with %q", language, with)
	return ""
}

// Every command that the README and docs/security.md show has verbs and flags that exist.
func TestReadmeCommandsExist(t *testing.T) {
	t.Parallel()
	security, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)(?:^ *|` + "`" + `)(?:go run \./cmd/)?humpty ([a-z][^` + "`" + `\n#>]*)`)
	commands, more := shown.FindAllStringSubmatch(readme(t), -1), shown.FindAllStringSubmatch(string(security), -1)
	commands = append(commands, more...)
	if len(commands) < 15 || len(more) < 5 {
		t.Fatalf("only %d commands found", len(commands))
	}
	for _, c := range commands {
		args := strings.Fields(c[1])
		if args[0] == "puts" { // the first sentence
			continue
		}
		root := unused().root()
		root.InitDefaultHelpCmd()
		root.InitDefaultCompletionCmd()
		cmd, rest, err := root.Find(args)
		if err != nil || cmd == root {
			t.Errorf("humpty %s: no such verb: %v", c[1], err)
			continue
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("humpty %s: %v", c[1], err)
		}
	}
}

// The README's table of verbs has every verb with every flag of its own.
func TestReadmeTellsEveryFlag(t *testing.T) {
	t.Parallel()
	text := readme(t)
	for _, cmd := range unused().root().Commands() {
		if !cmd.IsAvailableCommand() || cmd.Name() == "help" || len(cmd.Commands()) > 0 {
			continue
		}
		row := ""
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "| `") && slices.Contains(regexp.MustCompile("`[^`]+`").FindAllString(strings.Split(line, "|")[1], -1), "`"+cmd.Name()+"`") {
				row = line
			}
		}
		if row == "" {
			t.Errorf("no row for %s", cmd.Name())
			continue
		}
		if shared(cmd) {
			continue
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !f.Hidden && !strings.Contains(row, "`--"+f.Name+"`") {
				t.Errorf("%s: the README does not tell --%s", cmd.Name(), f.Name)
			}
		})
	}
	for _, code := range []int{exitDone, exitFailed, exitDiffers, exitGuard, exitRejections, exitChange, exitUsage} {
		if !strings.Contains(text, fmt.Sprintf("| %d | ", code)) {
			t.Errorf("the README does not tell exit code %d", code)
		}
	}
}

// shared are verbs whose flags that set limits of the file are listed once, with rebuild.
func shared(cmd *cobra.Command) bool {
	return slices.Contains([]string{"check", "plan", "resume", "follow"}, cmd.Name())
}

// The five minutes of the README, on real servers, with the README's own files.
func TestReadmeFirstRebuild(t *testing.T) {
	t.Parallel()
	dsn, es := devstack.Postgres(t), devstack.Elasticsearch(t)
	if _, err := data.Seed(t.Context(), dsn, data.Options{Orders: 500}); err != nil {
		t.Fatal(err)
	}
	alias := devstack.Name(t)
	s := &shop{es: es, alias: alias}
	t.Cleanup(func() {
		s.request(t, context.WithoutCancel(t.Context()), http.MethodDelete, "/"+alias+"-*?expand_wildcards=all", "")
	})
	dir := t.TempDir()
	text := strings.Replace(block(t, "yaml", "projections:"), "alias: orders ", "alias: "+alias+" ", 1)
	files := map[string]string{"humpty.yaml": text, "orders.index.json": block(t, "json", "mappings")}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !json.Valid([]byte(files["orders.index.json"])) {
		t.Fatal("the README's index is not JSON")
	}
	c := call{env: map[string]string{"SHOP_DSN": dsn, "SEARCH_URL": es, "HUMPTY_CONFIG": filepath.Join(dir, "humpty.yaml")}}
	steps := regexp.MustCompile(`(?m)^humpty ([a-z]+)`).FindAllStringSubmatch(block(t, "sh", "export SHOP_DSN"), -1)
	if len(steps) != 4 {
		t.Fatalf("%d steps", len(steps))
	}
	for _, step := range steps {
		a := c.run(t.Context(), step[1])
		a.want(t, 0)
		if t.Failed() {
			return
		}
		if step[1] == "rebuild" {
			a.want(t, 0, "500 written", "0 missing, 0 stale, 0 extra", "alias "+alias+" serves "+alias+"-")
		}
	}
}
