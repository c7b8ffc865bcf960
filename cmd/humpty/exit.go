package main

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/signals"
	"humpty/cmd/humpty/internal/trial"
	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources"
	"humpty/sources/kafka"
)

// The exit codes. 2 is left to Go's runtime: a crash ends with it.
const (
	exitDone       = 0
	exitFailed     = 1
	exitDiffers    = 3
	exitGuard      = 4
	exitRejections = 6
	exitChange     = 7
	exitUsage      = 64
	exitInterrupt  = 130
	exitTerminate  = 143
	exitHangup     = 129
	exitPipe       = 141
)

// exitCode is the one place that decides how a command ends. ctx tells whether a
// signal ended it.
func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	var (
		usage      *console.UsageError
		problems   problem.List
		refusal    *problem.Refusal
		held       *sinks.Held
		conflict   *sinks.NameConflict
		rejected   *ledger.TooManyRejections
		differs    *verify.Differs
		expected   *trial.Mismatch
		poison     *ledger.TooMuchPoison
		unreadable *trial.Poison
		lost       *sources.ErrChangesLost
		signal     *signals.Interrupt
	)
	switch {
	case errors.As(err, &usage), errors.As(err, &problems):
		return exitUsage
	case errors.As(err, &rejected), errors.As(err, &poison), errors.As(err, &unreadable):
		return exitRejections
	case errors.As(err, &differs), errors.As(err, &expected):
		return exitDiffers
	case errors.As(err, &refusal), errors.As(err, &held), errors.As(err, &conflict):
		return exitGuard
	case errors.As(err, &lost):
		return exitChange
	case errors.As(context.Cause(ctx), &signal):
		return signalCode(signal.Signal)
	}
	return serverCode(err)
}

// serverCode is the code of what a server said; of several errors, the one that asks
// most of a person.
func serverCode(err error) int {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		weight := map[int]int{exitChange: 1, exitUsage: 2, exitGuard: 3}
		code := exitFailed
		for _, one := range several.Unwrap() {
			if got := serverCode(one); weight[got] > weight[code] {
				code = got
			}
		}
		return code
	}
	switch e := err.(type) { //nolint:errorlint // unwrapped step by step, to see every branch
	case nil:
		return exitFailed
	case *elastic.Error:
		return targetCode(e.Kind)
	case *kafka.DeniedError:
		return exitChange
	case *pgconn.PgError:
		if needsChange(e.Code) {
			return exitChange
		}
	}
	return serverCode(errors.Unwrap(err))
}

func targetCode(kind elastic.Kind) int {
	switch kind {
	case elastic.BadConfig:
		return exitUsage
	case elastic.Guard:
		return exitGuard
	case elastic.Rights, elastic.Definition:
		return exitChange
	default:
		return exitFailed
	}
}

// needsChange tells whether PostgreSQL's error stays until a right is changed,
// the configuration or the schema: classes 28 (authorization), 3D (no such database),
// 42 (rights, names, syntax), 22 (data that an expression cannot take).
func needsChange(sqlstate string) bool {
	if len(sqlstate) < 2 {
		return false
	}
	switch sqlstate[:2] {
	case "28", "3D", "42", "22":
		return true
	}
	return false
}

func signalCode(s os.Signal) int {
	switch s {
	case syscall.SIGTERM:
		return exitTerminate
	case syscall.SIGHUP:
		return exitHangup
	case syscall.SIGPIPE:
		return exitPipe
	}
	return exitInterrupt
}

// ending is the status of a result line.
func ending(code int) string {
	switch code {
	case exitDone:
		return string(report.Completed)
	case exitGuard:
		return string(report.Refused)
	case exitInterrupt, exitTerminate, exitHangup:
		return string(report.Interrupted)
	default:
		return string(report.Failed)
	}
}

// exitCodes is what `humpty help exit-codes` prints.
const exitCodes = `  0    done
  1    failed: a server was unreachable or gave up, or too many documents changed each
       time that humpty verify read them; the same command may succeed later
  2    crashed (Go's runtime); please report it
  3    verification found differences; the alias was not touched
  4    refused by a guard: nothing is broken, somebody has to decide
  6    more documents were rejected than the limit allows; the alias was not touched
  7    failed, and it stays so until a right, the configuration, the mapping or the
       schema is changed (wrong password, no right to create an index, …), or a run
       lost changes and cannot be gone on with: it says what can be saved
  64   wrong usage, configuration or definition (an unknown column, a table that may
       not be read, …)
  130  interrupted (SIGINT); the alias serves what it served before, or the finished swap
  129  the terminal went away (SIGHUP), for verbs that do not go on without it
  143  terminated (SIGTERM), as 130

Treat a code that is not in this list as a failure.

In a Kubernetes Job (restartPolicy: Never): podFailurePolicy FailJob on 3, 4, 6, 7 and
64, Ignore on the condition DisruptionTarget, and retry all else.
`
