package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/signals"
	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources/kafka"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	var problems problem.List
	problems.Add("humpty.yaml:1:1", "", "wrong")
	for name, c := range map[string]struct {
		err    error
		signal os.Signal
		code   int
		status string
	}{
		"done":                   {nil, nil, 0, "completed"},
		"done in spite of it":    {nil, os.Interrupt, 0, "completed"},
		"usage":                  {&console.UsageError{}, nil, 64, "failed"},
		"configuration":          {problems, nil, 64, "failed"},
		"definition":             {fmt.Errorf("plan: %w", problems), nil, 64, "failed"},
		"target's configuration": {&elastic.Error{Kind: elastic.BadConfig}, nil, 64, "failed"},
		"differs":                {&verify.Differs{}, nil, 3, "failed"},
		"guard":                  {&problem.Refusal{}, nil, 4, "refused"},
		"held":                   {&sinks.Held{}, nil, 4, "refused"},
		"trap":                   {&sinks.NameConflict{}, nil, 4, "refused"},
		"target's guard":         {&elastic.Error{Kind: elastic.Guard}, nil, 4, "refused"},
		"rejections":             {fmt.Errorf("load: %w", &ledger.TooManyRejections{}), nil, 6, "failed"},
		"rejections, joined":     {errors.Join(errors.New("close"), &ledger.TooManyRejections{}), nil, 6, "failed"},
		"rights":                 {&elastic.Error{Kind: elastic.Rights}, nil, 7, "failed"},
		"mapping":                {&elastic.Error{Kind: elastic.Definition}, nil, 7, "failed"},
		"wrong password":         {&pgconn.PgError{Code: "28P01"}, nil, 7, "failed"},
		"no such database":       {&pgconn.PgError{Code: "3D000"}, nil, 7, "failed"},
		"no right to read":       {&pgconn.PgError{Code: "42501"}, nil, 7, "failed"},
		"denied by a broker":     {fmt.Errorf("plan: %w", &kafka.DeniedError{Why: errors.New("no")}), nil, 7, "failed"},
		"server stopped":         {&pgconn.PgError{Code: "57P01"}, nil, 1, "failed"},
		"unreachable":            {&elastic.Error{Kind: elastic.Unreachable}, nil, 1, "failed"},
		"target failed":          {&elastic.Error{Kind: elastic.Failed}, nil, 1, "failed"},
		"several":                {errors.Join(&elastic.Error{Kind: elastic.Unreachable}, fmt.Errorf("x: %w", &pgconn.PgError{Code: "28P01"})), nil, 7, "failed"},
		"several, with a guard":  {fmt.Errorf("x: %w", errors.Join(&pgconn.PgError{Code: "28P01"}, &elastic.Error{Kind: elastic.Guard}, errors.New("x"))), nil, 4, "refused"},
		"ledger":                 {&ledger.Unbalanced{}, nil, 1, "failed"},
		"anything else":          {errors.New("?"), nil, 1, "failed"},
		"Ctrl-C":                 {errors.New("connection closed"), os.Interrupt, 130, "interrupted"},
		"terminated":             {context.Canceled, syscall.SIGTERM, 143, "interrupted"},
		"Ctrl-C after a guard":   {&problem.Refusal{}, os.Interrupt, 4, "refused"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if c.signal != nil {
			cancel(&signals.Interrupt{Signal: c.signal})
		}
		if got := exitCode(ctx, c.err); got != c.code || ending(got) != c.status {
			t.Errorf("%s: %d %s, want %d %s", name, got, ending(got), c.code, c.status)
		}
		if !strings.Contains(exitCodes, fmt.Sprintf("\n  %-4d ", c.code)) && c.code != 0 {
			t.Errorf("%s: humpty help exit-codes does not tell of %d", name, c.code)
		}
		cancel(nil)
	}
}

func TestEveryFailureSaysWhatToTypeNext(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"usage": console.Usage("x", "humpty help"), "problems": problem.List{{What: "x"}}, "held": &sinks.Held{},
		"rejections": &ledger.TooManyRejections{}, "differs": &verify.Differs{},
		"rights": &elastic.Error{Kind: elastic.Rights}, "unreachable": &elastic.Error{Kind: elastic.Unreachable},
		"refusal": &problem.Refusal{Why: "no", Remedy: "humpty swap orders"}, "other": errors.New("?"),
	} {
		var out buffer
		c := &console.Console{Out: console.NewSink(&out), Err: &out, Env: func(string) (string, bool) { return "", false }}
		c.Guard()
		explainer{Console: c, verb: "rebuild", projection: "orders"}.explain(t.Context(), err)
		if !strings.Contains(out.String(), "humpty ") {
			t.Errorf("%s: nothing to type in\n%s", name, out.String())
		}
	}
}
