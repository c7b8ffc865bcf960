package cdc

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources/postgres/session"
)

// Capture is what a capture holds on a database: a slot, a publication, or both.
type Capture struct {
	Name        string `json:"name"` // of the slot, and of the publication that the capture made
	Slot        bool   `json:"slot"`
	Publication bool   `json:"publication"`
	Active      bool   `json:"active"` // a process reads it now
	Lost        bool   `json:"lost"`   // the server has dropped the log that it needs
	Held        int64  `json:"held"`   // bytes of log that the server keeps for it
}

// Of tells whether a capture is that of a run, or of a part of it (see Part).
func (c Capture) Of(run string) bool {
	rest, ok := strings.CutPrefix(c.Name, slotName(run))
	return ok && (rest == "" || strings.HasPrefix(rest, slotPart))
}

// slotPart is between a run's name and the number of one of its captures.
const slotPart = "_part"

// List lists what captures of humpty's hold on the database, of any projection.
func List(ctx context.Context, db *session.Session) ([]Capture, error) {
	rows, err := db.Rows(ctx, `
select coalesce(s.slot_name, p.pubname), s.slot_name is not null, p.pubname is not null, coalesce(s.active, false), coalesce(s.wal_status = 'lost', false),
  case when s.restart_lsn is null then 0 -- it holds none (any more)
    else pg_catalog.pg_wal_lsn_diff(case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn() end, s.restart_lsn) end
from (select * from pg_catalog.pg_replication_slots where database = pg_catalog.current_database() and slot_name like 'humpty\_%') s
full join (select * from pg_catalog.pg_publication where pubname like 'humpty\_%') p on p.pubname = s.slot_name::text
order by 1`)
	if err != nil {
		return nil, fmt.Errorf("%s: look for captures: %w", db.Name, err)
	}
	var all []Capture
	for _, r := range rows {
		held, err := strconv.ParseInt(r[5], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: slot %s: %w", db.Name, r[0], err)
		}
		all = append(all, Capture{Name: r[0], Slot: r[1] == "t", Publication: r[2] == "t", Active: r[3] == "t", Lost: r[4] == "t", Held: held})
	}
	return all, nil
}
