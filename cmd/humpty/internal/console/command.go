package console

import (
	"regexp"
	"slices"
	"strings"

	"humpty/internal/printable"
	"humpty/internal/problem"
)

// Invocation is what was typed, as far as other commands have to be typed with it.
type Invocation struct {
	Flags []string // that say what it is about: the configuration and the folders that were named
}

// Verbs are those that are about a configuration.
func Verbs() []string {
	return []string{
		"rebuild", "resume", "follow", "plan", "check", "status", "verify", "repair", "dlq",
		"swap", "rollback", "prune", "unlock", "snapshot", "restore", "project",
	}
}

// command finds commands in texts, as their authors spelled them: without the flags of this
// invocation.
var command = regexp.MustCompile("(^|[\\s`(\"])(humpty) ([a-z]+)\\b")

// CommandLine is a command as a person would type it, about the same configuration and folders.
// verb is ours, like humpty dlq list; words are quoted where a shell would take more from them.
func (i *Invocation) CommandLine(verb string, words ...string) string {
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "" })
	return strings.TrimSpace(i.Addressed(strings.TrimSpace(verb)) + " " + printable.Command(words...))
}

// Addressed puts into each command of a text the flags that say what this invocation is about. A
// text that has them is left as it is.
func (i *Invocation) Addressed(text string) string {
	flags := printable.Command(i.Flags...)
	if flags == "" {
		return text
	}
	parts := strings.Split(text, flags) // they may look like a command themselves
	for at, part := range parts {
		var b strings.Builder
		done := 0
		for _, found := range command.FindAllStringSubmatchIndex(part, -1) {
			if slices.Contains(Verbs(), part[found[6]:found[7]]) {
				b.WriteString(part[done:found[5]] + " " + flags)
				done = found[5]
			}
		}
		parts[at] = b.String() + part[done:]
	}
	return strings.Join(parts, flags)
}

// Problems are the problems with their commands about the same configuration.
func (i *Invocation) Problems(all problem.List) problem.List {
	all = slices.Clone(all)
	for at := range all {
		p := &all[at]
		p.What, p.Remedy = i.Addressed(p.What), i.Addressed(p.Remedy)
	}
	return all
}

// Message is what an error says, its commands about the same configuration.
func (i *Invocation) Message(err error) string { return i.Addressed(err.Error()) }
