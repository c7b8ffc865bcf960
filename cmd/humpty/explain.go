package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/signals"
	"humpty/cmd/humpty/internal/trial"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/ledger"
	"humpty/projector/repair"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// explainer says what went wrong with a verb, and what to type next.
type explainer struct {
	*console.Console

	verb, projection string
	record           *projector.Record // of a rebuild that began
	finding          *repair.Result    // of verify and the like
}

// explainer is that of the verb that ran.
func (a *app) explainer() explainer {
	return explainer{a.Console, a.result.Verb, a.result.projection, a.result.Record, a.result.Finding}
}

// explain prints an error with what to type next, and returns it for --json.
func (e explainer) explain(ctx context.Context, err error) *failure {
	f := &failure{Message: e.Message(err), Next: e.next(ctx, err)}
	var problems problem.List
	var signal *signals.Interrupt
	var partial *partialFailure
	switch {
	case errors.As(err, &partial): // each was explained
		e.Say("error", f.Message)
	case errors.As(err, &problems):
		f.Problems = e.Problems(problems)
		f.Message = fmt.Sprintf("%d problems", len(problems))
		if len(problems) == 1 {
			f.Message = "1 problem"
		}
		for _, p := range problems {
			e.Say("error", withSnippet(p))
		}
	case errors.As(context.Cause(ctx), &signal):
		f.Message = signal.Error()
		e.Say("error", f.Message)
	default:
		for _, one := range parts(err) {
			e.Say("error", e.Message(one))
		}
	}
	for _, next := range f.Next {
		e.Say("next", next)
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
func (e explainer) next(ctx context.Context, err error) []string {
	name := e.projection
	again, rebuilt := e.CommandLine("humpty "+e.verb, name), e.CommandLine("humpty rebuild", name)
	if e.verb == "follow" && e.record != nil { // it adopted
		again = e.CommandLine("humpty follow", name, "--adopt")
		rebuilt = again
	}
	var (
		usage    *console.UsageError
		problems problem.List
		refusal  *problem.Refusal
		lost     *sources.ErrChangesLost
		held     *sinks.Held
		rejected *ledger.TooManyRejections
		poison   *ledger.TooMuchPoison
		differs  *verify.Differs
		expected *trial.Mismatch
		signal   *signals.Interrupt
		partial  *partialFailure
	)
	switch {
	case errors.As(err, &partial):
		return []string{"see what each alias serves: " + e.CommandLine("humpty status")}
	case errors.As(err, &usage):
		return []string{e.Addressed(usage.Remedy)}
	case errors.As(err, &problems):
		return []string{"correct this, then: " + e.CommandLine("humpty check", name)}
	case errors.As(context.Cause(ctx), &signal):
		return e.afterInterrupt(name)
	case errors.As(err, &held):
		return []string{
			"see who it is: " + e.CommandLine("humpty status", name),
			"if it is stuck and cannot be ended, this breaks its lease: " + e.CommandLine("humpty unlock", name),
		}
	case errors.As(err, &refusal) && refusal.Remedy != "", errors.As(err, &lost):
		return nil // it says what to type
	case e.record != nil && e.record.Resumable:
		return e.resume(name)
	case errors.As(err, &rejected) && e.verb == "dlq retry":
		return []string{"see which, and why: " + e.CommandLine("humpty dlq show", name)}
	case errors.As(err, &rejected):
		return []string{
			"see which, and why: " + e.CommandLine("humpty dlq show", name),
			"correct the mapping or the data, or allow some with limits.rejections (--rejections); then: " + rebuilt,
			"the failed generation stays for a look at it; this drops it: " + e.CommandLine("humpty prune", name),
		}
	case errors.As(err, &poison):
		return []string{
			"see which, and why: " + e.CommandLine("humpty dlq show", name),
			"mend the topic or the fold (humpty project tries it on a few events), or allow some with limits.poison (--poison); then: " + rebuilt,
		}
	case errors.As(err, &expected), e.verb == "project":
		return nil // what was printed says what to look at
	case errors.As(err, &differs):
		return e.afterDifferences(name)
	case exitCode(ctx, err) == exitFailed:
		return []string{"see what is reachable: " + e.CommandLine("humpty check", name), "then again: " + again}
	}
	return []string{"correct this, then: " + again}
}

// afterDifferences says how to look at them, and what to do about them.
func (e explainer) afterDifferences(name string) []string {
	switch r := e.record; {
	case r != nil && r.Generation != "":
		at := r.Generation
		return []string{
			"look at them: " + e.CommandLine("humpty verify", name, "--generation", at, "--diff", "10"),
			"fix just these, then let it serve: " + e.CommandLine("humpty repair", name, "--generation", at) + "; " + e.CommandLine("humpty swap", name, "--to", r.Generation),
		}
	case e.finding != nil && e.verb == "verify":
		at := e.finding.Generation
		return []string{"see what would be done: " + e.CommandLine("humpty repair", name, "--generation", at, "--dry-run"), "fix just these: " + e.CommandLine("humpty repair", name, "--generation", at)}
	}
	return []string{"see what still differs: " + e.CommandLine("humpty verify", name)}
}

// afterInterrupt says what an interrupted run leaves behind.
func (e explainer) afterInterrupt(name string) []string {
	if r := e.record; r != nil && r.Resumable {
		return e.resume(name)
	}
	if e.verb != "rebuild" {
		return []string{"see what there is: " + e.CommandLine("humpty status", name)}
	}
	next := []string{"start over, into a new generation: " + e.CommandLine("humpty rebuild", name)}
	if r := e.record; r != nil && r.Generation != "" {
		next = append(next, fmt.Sprintf("drop the unfinished generation %s: %s", r.Generation, e.CommandLine("humpty prune", name)))
	}
	return next
}

// resume says how to resume a run that was stopped.
func (e explainer) resume(name string) []string {
	if e.verb == "follow" {
		return []string{"resume it: " + e.CommandLine("humpty follow", name, "--adopt")}
	}
	return []string{
		"go on with it where it was: " + e.CommandLine("humpty resume", e.record.Run),
		"or give it up and start over: " + e.CommandLine("humpty rebuild", name, "--new"),
	}
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
	if strings.HasPrefix(p.What, "unknown key") || strings.HasPrefix(p.What, "not valid YAML") { // it may be a misspelt password
		shown = regexp.MustCompile(`(:\s*)[^\s{\[].*`).ReplaceAllString(shown, "${1}…")
	}
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

// joinErrors makes one error of several: a list of problems where all are problems, so that
// each is shown with its line.
func joinErrors(all []error) error {
	var problems problem.List
	var rest []error
	for _, err := range all {
		var l problem.List
		switch {
		case err == nil:
		case errors.As(err, &l):
			problems = append(problems, l...)
		default:
			rest = append(rest, err)
		}
	}
	switch {
	case len(problems) == 0:
		return errors.Join(rest...)
	case len(rest) == 0:
		return problems
	}
	for _, err := range rest {
		what, remedy, _ := strings.Cut(err.Error(), "\n")
		problems.Add("", strings.TrimSpace(remedy), "%s", what)
	}
	return problems
}

// partialFailure is the error of a rebuild of all, of which some did what was asked.
type partialFailure struct {
	total  int
	names  []string
	errors []error
}

func (p *partialFailure) Error() string {
	return fmt.Sprintf("%d of %d projections were not rebuilt: %s", len(p.names), p.total, strings.Join(p.names, ", "))
}

// Unwrap gives what went wrong with each, for the exit code.
func (p *partialFailure) Unwrap() []error { return p.errors }
