package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"humpty/cmd/humpty/internal/console"
)

// masked replaces what differs from run to run.
func (s *shop) masked(text string) string {
	text = strings.ReplaceAll(text, s.alias, "orders")
	text = strings.ReplaceAll(text, s.file, "humpty.yaml")
	for pattern, with := range map[string]string{
		`\d{8}t\d{6}-[a-z0-9]{6}`:                     "RUN",
		`orders-\d{8}t\d{6}`:                          "orders-TIME",
		`"\d{4}-\d\d-\d\dT[\d:.]+Z"`:                  `"TIME"`,
		`("seconds":)[\d.e-]+`:                        "${1}0",
		`("cluster":)"[^"]+"`:                         `${1}"UUID"`,
		`(cluster_uuid: )[\w-]+`:                      "${1}UUID",
		`("version":)"[\d.]+"`:                        `${1}"VERSION"`,
		`(elasticsearch) [\d.]+`:                      "${1} VERSION",
		`("bytes":)\d+`:                               "${1}0",
		`("sent":)\d+`:                                "${1}0",
		`("retries":|"throttled":)\d+`:                "${1}0",
		`\d+(\.\d+)? (kB|MB)`:                         "SIZE",
		`("text":|"reason":)"([^"\\]|\\.)*"`:          `${1}"TEXT"`,
		`("phases":)\[[^\]]*\]`:                       `${1}["PHASES"]`,
		`("notices":|"notes":|"warnings":)\[[^\]]*\]`: `${1}["TEXT"]`,
		`(\n  (now|note) +).*`:                        "${1}TEXT",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	return text
}

// golden compares with a file, a line of JSON as indented JSON; UPDATE=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
		var v any
		if json.Unmarshal([]byte(line), &v) == nil {
			pretty, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			line = string(pretty)
		}
		b.WriteString(line + "\n")
	}
	file := "testdata/" + name
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Errorf("%s differs (UPDATE=1 writes it):\n%s", file, b.String())
	}
}

func TestStableOutput(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	golden(t, "plan.txt", s.masked(s.run(t.Context(), "plan").out))
	golden(t, "plan.json", s.masked(s.run(t.Context(), "plan", "--json").out))
	rebuilt := s.run(t.Context(), "rebuild", "--json")
	last := rebuilt.result(t)
	var phases []any
	for _, p := range last["record"].(map[string]any)["phases"].([]any) {
		phases = append(phases, p.(map[string]any)["phase"])
	}
	lines := strings.Split(strings.TrimSuffix(rebuilt.out, "\n"), "\n")
	if got := phasesOf(t, lines); fmt.Sprint(got) != fmt.Sprint(phases) || len(phases) == 0 {
		t.Errorf("the lines tell of the phases %v, the record of %v", got, phases)
	}
	golden(t, "rebuild.json", s.masked(lines[len(lines)-1]))
	golden(t, "phase.json", s.masked(lines[0]))
}

// phasesOf are the phases that lines say started and ended, in order.
func phasesOf(t *testing.T, lines []string) []any {
	t.Helper()
	var ended []any
	running := ""
	for _, text := range lines {
		var l console.EventLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if l.Type != "phase" {
			continue
		}
		switch {
		case l.State == "started" && running == "":
			running = string(l.Phase)
		case l.State == "ended" && running == string(l.Phase):
			ended, running = append(ended, running), ""
		default:
			t.Errorf("%s while %q runs", text, running)
		}
	}
	return ended
}
