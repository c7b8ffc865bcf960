package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/printable"
)

// TestVerbsOfCommands: the verbs whose commands get the flags are those that read a configuration.
func TestVerbsOfCommands(t *testing.T) {
	t.Parallel()
	var about []string
	for _, cmd := range newApp(&console.Console{Out: console.NewSink(&buffer{}), Err: &buffer{}}, nil, nil).verbs() {
		if !slices.Contains([]string{"demo", "schema", "version"}, cmd.Name()) {
			about = append(about, cmd.Name())
		}
	}
	if got := slices.Sorted(slices.Values(console.Verbs())); !slices.Equal(got, slices.Sorted(slices.Values(about))) {
		t.Errorf("the console knows %v, the program has %v", got, about)
	}
}

// printed finds the commands in a text: humpty, the flags that must follow, the verb, and the
// arguments as far as they are some. What has no flags is an error.
func printed(t *testing.T, text, flags string) (commands []string) {
	t.Helper()
	if bare := regexp.MustCompile("(^|[\\s`(\"])humpty ("+strings.Join(console.Verbs(), "|")+")\\b[^\n]*").FindAllString(strings.ReplaceAll(text, flags, "FLAGS"), -1); len(bare) > 0 {
		t.Errorf("without flags: %q", bare)
	}
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "humpty "+flags+" ")
		if !ok {
			return commands
		}
		rest = after
		line, _, _ := strings.Cut(after, "\n")
		commands = append(commands, "humpty "+flags+" "+commandIn(t, line))
	}
}

// commandIn is the verb at the beginning of a line, its projection or run, and its flags: words of
// prose may follow.
func commandIn(t *testing.T, line string) string {
	t.Helper()
	root := newApp(&console.Console{Out: console.NewSink(&buffer{}), Err: &buffer{}}, nil, nil).root()
	var words []string
	var flag *pflag.Flag
	for _, word := range regexp.MustCompile(`(?:'[^']*'|\\'|[^\s'])+`).FindAllString(line, -1) {
		plain := strings.TrimRight(word, ";,`)\".")
		cmd, _, err := root.Find(append(slices.Clone(words), plain))
		known := err == nil && cmd != root && len(words) < 2 && slices.Contains(strings.Fields(cmd.CommandPath()), plain)
		switch name, isFlag := strings.CutPrefix(plain, "--"); {
		case flag != nil && flag.NoOptDefVal == "":
			flag = nil
		case isFlag:
			found, _, err := root.Find(words)
			if err != nil {
				t.Fatal(err)
			}
			if flag = found.Flags().Lookup(name); flag == nil {
				flag = found.InheritedFlags().Lookup(name)
			}
			if flag == nil {
				t.Errorf("%q: there is no flag %s", line, plain)
				return strings.Join(words, " ")
			}
		case !known && !regexp.MustCompile(`^(orders|\d{8}t\d{6}-[a-z2-7]{6})$`).MatchString(plain):
			return strings.Join(words, " ")
		}
		words = append(words, plain)
		if plain != word {
			break
		}
	}
	return strings.Join(words, " ")
}

// stringsOf are all strings in lines of JSON, a line each.
func stringsOf(t *testing.T, lines string) string {
	t.Helper()
	var b strings.Builder
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			b.WriteString(v + "\n")
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	for line := range strings.Lines(lines) {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		walk(v)
	}
	return b.String()
}

// typed runs a command line in a shell in a folder whose humpty.yaml is of something else, and
// returns the words that humpty gets.
func typed(t *testing.T, line string) []string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"humpty.yaml": "version: 1\n# of something else\n",
		"humpty":      "#!/bin/sh\nfor w; do printf '%s\\0' \"$w\"; done\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 2 {
		t.Errorf("%s: it made %v: %v", line, all, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// TestPrintedCommandsCanBeTyped: every command in what the verbs print is about the configuration and
// the folders of the verb, in whatever folder it is typed, and means to the shell what it says.
func TestPrintedCommandsCanBeTyped(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	dir := filepath.Join(t.TempDir(), `it's my $(touch pwned) "100%"; touch pwned`)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"humpty.yaml", "orders.index.json"} {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(s.file), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.file = filepath.Join(dir, "humpty.yaml")
	delete(s.env, "HUMPTY_CONFIG")
	state := filepath.Join(dir, "state $(touch pwned)")
	global := []string{"--config", s.file, "--state", state}
	flags := printable.Command(global...)
	seen := map[string]bool{}
	look := func(args ...string) {
		for _, lines := range []bool{false, true} {
			all := append(slices.Clone(global), args...)
			if lines {
				all = append(all, "--json")
			}
			a := s.run(t.Context(), all...)
			text := a.out + a.err
			if lines {
				text = a.err + stringsOf(t, a.out)
			}
			for _, one := range printed(t, text, flags) {
				seen[one] = true
			}
		}
	}
	look("status")
	look("plan")
	look("rollback")
	look("swap", "--to", "nothing")
	look("rebuild", "--no-swap")
	look("rebuild")
	look("plan", "--recover")
	look("verify")
	look("prune")
	look("prune", "--unfinished", "nothing")
	look("swap")
	look("snapshot", "--repository", "nothing")
	look("restore", "--snapshot", "nothing/nothing")
	look("resume")
	look("follow")
	look("dlq", "show")
	look("dlq", "discard")
	look("swap", "--replace-index", "nothing")
	s.sql(t, "UPDATE orders SET total = total + 1 WHERE id = 1")
	look("verify")
	look("status", "nothing")
	s.env["ES"] = "http://127.0.0.1:1"
	look("check")
	look("status")
	if len(seen) < 12 {
		t.Errorf("only %d commands were printed: %v", len(seen), seen)
	}
	for line := range seen {
		words := typed(t, line)
		if len(words) < 5 || !slices.Equal(words[:4], global) {
			t.Errorf("%s: humpty gets %q", line, words)
			continue
		}
		root := newApp(&console.Console{Out: console.NewSink(&buffer{}), Err: &buffer{}}, nil, nil).root()
		cmd, rest, err := root.Find(words)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil && cmd.Args != nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil || cmd == root {
			t.Errorf("%s is no command: %v", line, err)
		}
	}
	t.Log(fmt.Sprint(len(seen)), " commands")
}
