package main

import (
	"context"
	"errors"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
)

// mend puts right what a dead run has left in what the alias serves, and says so, or says why
// not. It is no reason for a command to end: what does not answer now says so there.
func (a *app) mend(ctx context.Context, c *config.Config, p config.Projection) {
	m, err := assemble.Manage(ctx, c, p, "mend")
	if err != nil {
		return
	}
	done, err := m.Mend(ctx)
	var refusal *problem.Refusal
	if errors.As(err, &refusal) {
		a.warn(p.Name + ": " + a.told(err))
	}
	for _, what := range done {
		a.warn(p.Name + ": " + what + ", which is over: that was put right")
	}
}
