package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/ledger"
	"humpty/sinks"
	"humpty/sources"
)

// explain prints an error with what to type next, and returns it for --json.
func (a *app) explain(ctx context.Context, err error) *failure {
	f := &failure{Message: a.told(err), Next: a.next(ctx, err)}
	var problems problem.List
	var signal *interrupted
	var some *someFailed
	switch {
	case errors.As(err, &some): // each was explained
		fmt.Fprintf(a.err, "%s %s\n", a.label("error"), f.Message)
	case errors.As(err, &problems):
		f.Problems = problems
		f.Message = fmt.Sprintf("%d problems", len(problems))
		if len(problems) == 1 {
			f.Message = "1 problem"
		}
		for _, p := range problems {
			fmt.Fprintf(a.err, "%s %s\n", a.label("error"), indent(withSnippet(p)))
		}
	case errors.As(context.Cause(ctx), &signal):
		f.Message = signal.Error()
		fmt.Fprintf(a.err, "%s %s\n", a.label("error"), f.Message)
	default:
		for _, one := range parts(err) {
			fmt.Fprintf(a.err, "%s %s\n", a.label("error"), indent(a.told(one)))
		}
	}
	for _, next := range f.Next {
		fmt.Fprintf(a.err, "%s %s\n", a.label("next"), indent(next))
	}
	return f
}

// parts are the errors that were joined, or the one there is.
func parts(err error) []error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return several.Unwrap()
	}
	return []error{err}
}

// next says what to type after a failure.
func (a *app) next(ctx context.Context, err error) []string {
	name := a.result.projection
	again := a.typed("humpty", a.result.Verb, name)
	var (
		usage    *usageError
		problems problem.List
		refusal  *problem.Refusal
		gap      *sources.ErrChangesLost
		held     *sinks.Held
		rejected *ledger.TooManyRejections
		poison   *ledger.TooMuchPoison
		differs  *projector.Differs
		expected *differsFromExpected
		signal   *interrupted
		some     *someFailed
	)
	switch {
	case errors.As(err, &some):
		return []string{"see what each alias serves: " + a.typed("humpty status")}
	case errors.As(err, &usage):
		return []string{usage.remedy}
	case errors.As(err, &problems):
		return []string{"correct this, then: " + a.typed("humpty check", name)}
	case errors.As(context.Cause(ctx), &signal):
		return a.afterInterrupt(name)
	case errors.As(err, &held):
		return []string{"see who it is: " + a.typed("humpty status", name)}
	case errors.As(err, &refusal) && refusal.Remedy != "", errors.As(err, &gap):
		return nil // it says what to type
	case a.result.Record != nil && a.result.Record.Resumable:
		return a.goOn(name)
	case errors.As(err, &rejected) && a.result.Verb == "dlq retry":
		return []string{"see which, and why: " + a.typed("humpty dlq show", name)}
	case errors.As(err, &rejected):
		return []string{
			"see which, and why: " + a.typed("humpty dlq show", name),
			"correct the mapping or the data, or allow some with limits.rejections (--rejections); then: " + a.typed("humpty rebuild", name),
			"the failed generation stays for a look at it; this drops it: " + a.typed("humpty prune", name),
		}
	case errors.As(err, &poison):
		return []string{
			"see which, and why: " + a.typed("humpty dlq show", name),
			"mend the topic or the fold (humpty project tries it on a few events), or allow some with limits.poison (--poison); then: " + a.typed("humpty rebuild", name),
		}
	case errors.As(err, &expected), a.result.Verb == "project":
		return nil // what was printed says what to look at
	case errors.As(err, &differs):
		return a.afterDifferences(name)
	case exitCode(ctx, err) == exitFailed:
		return []string{"see what is reachable: " + a.typed("humpty check", name), "then again: " + again}
	}
	return []string{"correct this, then: " + again}
}

// afterDifferences says how to look at them, and how to go on.
func (a *app) afterDifferences(name string) []string {
	switch r := a.result.Record; {
	case r != nil && r.Generation != "":
		at := "--generation " + r.Generation
		return []string{
			"look at them: " + a.typed("humpty verify", name, at, "--diff 10"),
			"fix just these, then let it serve: " + a.typed("humpty repair", name, at) + "; " + a.typed("humpty swap", name, "--to", r.Generation),
		}
	case a.result.Finding != nil && a.result.Verb == "verify":
		at := "--generation " + a.result.Finding.Generation
		return []string{"see what would be done: " + a.typed("humpty repair", name, at, "--dry-run"), "fix just these: " + a.typed("humpty repair", name, at)}
	}
	return []string{"see what still differs: " + a.typed("humpty verify", name)}
}

// afterInterrupt says what an interrupted run leaves behind.
func (a *app) afterInterrupt(name string) []string {
	if r := a.result.Record; r != nil && r.Resumable {
		return a.goOn(name)
	}
	if a.result.Verb != "rebuild" {
		return []string{"see what there is: " + a.typed("humpty status", name)}
	}
	next := []string{"start over, into a new generation: " + a.typed("humpty rebuild", name)}
	if r := a.result.Record; r != nil && r.Generation != "" {
		next = append(next, fmt.Sprintf("drop the unfinished generation %s: %s", r.Generation, a.typed("humpty prune", name)))
	}
	return next
}

// goOn says how a run is gone on with that was stopped.
func (a *app) goOn(name string) []string {
	return []string{
		"go on with it where it was: " + a.typed("humpty resume", a.result.Record.Run),
		"or give it up and start over: " + a.typed("humpty rebuild", name, "--new"),
	}
}

// typed is a command as a person would type it, about the same configuration.
func (a *app) typed(parts ...string) string {
	if a.flags.config != defaultConfig && a.origins["config"] == "" {
		parts = append(parts, "--config", a.flags.config)
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// command finds commands in the remedies of refusals, which know of no configuration.
var command = regexp.MustCompile("humpty [a-z]+( +[^\\s`;,]+)*")

// told is what an error says, its commands about the same configuration.
func (a *app) told(err error) string {
	var refusal *problem.Refusal
	if !errors.As(err, &refusal) || refusal.Remedy == "" {
		return err.Error()
	}
	return strings.Replace(err.Error(), refusal.Remedy, command.ReplaceAllStringFunc(refusal.Remedy, func(c string) string { return a.typed(c) }), 1)
}

// withSnippet shows the line that a problem is about, unless a secret may stand in it.
func withSnippet(p problem.Problem) string {
	text := p.String()
	file, number, column := config.SplitPlace(p.Place)
	if number == 0 {
		return text
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return text
	}
	lines := strings.Split(string(data), "\n")
	if number > len(lines) || len(lines[number-1]) > 160 || mayHoldSecret(lines[number-1]) {
		return text
	}
	shown := strings.TrimRight(lines[number-1], "\r")
	snippet := fmt.Sprintf("\n    %d | %s", number, strings.ReplaceAll(shown, "\t", " "))
	if column > 0 && column <= len(shown)+1 {
		snippet += "\n    " + strings.Repeat(" ", len(fmt.Sprint(number))+3+column-1) + "^"
	}
	what, remedy, has := strings.Cut(text, "\n")
	if has {
		return what + snippet + "\n" + remedy
	}
	return what + snippet
}

func mayHoldSecret(line string) bool {
	plain := regexp.MustCompile(`"?\$\{[^}]*\}"?`).ReplaceAllString(line, "")
	return regexp.MustCompile(`(?i)(password|api_key|bearer|dsn|secret|token)["']?\s*[:=]\s*[^\s,}#]|://[^/\s]*@`).MatchString(plain)
}
