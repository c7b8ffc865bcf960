package session

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// PolicyError is the error of a query that row-level security would leave rows out of. Sessions are
// made with row_security off, so that such a query fails: rows that a policy hides would
// be taken for deleted ones.
type PolicyError struct {
	Role string // of the session
	Err  *pgconn.PgError
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("row-level security applies to user %s: %s\n    %s", e.Role, e.Err.Message, PolicyRemedy(e.Role))
}

func (e *PolicyError) Unwrap() error { return e.Err }

// PolicyRemedy is what a role needs to see all rows.
func PolicyRemedy(role string) string {
	return "ALTER ROLE " + QuoteIdent(role) + " BYPASSRLS; or read as a role that has it"
}

// withPolicy tells an error of row-level security from a missing right, whose code is the same;
// the text is in the server's language.
func (c *wire) withPolicy(err error) error {
	var pg *pgconn.PgError
	var told *PolicyError
	if errors.As(err, &pg) && pg.Routine == "check_enable_rls" && !errors.As(err, &told) {
		return &PolicyError{Role: c.role, Err: pg}
	}
	return err
}
