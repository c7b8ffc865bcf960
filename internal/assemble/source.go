package assemble

import (
	"humpty/internal/config"
	"humpty/internal/dsn"
	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres"
)

// Source makes the source of a projection; it does not connect.
func Source(c *config.Config, p config.Projection) (root sources.Source, err error) {
	if p.Events != nil {
		root, err = foldedSource(c, p.Events)
	} else {
		root, err = Postgres(c, p)
	}
	if err != nil {
		return nil, err
	}
	return joinedSource(c, p, root)
}

// Postgres makes the source of p.Document in database p.Source; it does not connect.
func Postgres(c *config.Config, p config.Projection) (*postgres.Source, error) {
	return database(c, p, false)
}

// database is Postgres; loose keys find what PostgreSQL takes for equal.
func database(c *config.Config, p config.Projection, loose bool) (*postgres.Source, error) {
	s := c.Source(p.Source)
	pg := s.Postgres
	for _, text := range []config.Secret{pg.DSN, pg.ReadDSN} {
		if _, err := dsn.Parse(text.Reveal()); err != nil {
			var l problem.List
			l.Add(s.Place, "write postgres://user:password@host:5432/database, or host=… dbname=… user=…; and look whether the files and the service that it names are there",
				"the dsn of source %s: %v", s.Name, err)
			return nil, l
		}
	}
	changes := postgres.Changes{Publication: pg.Publication}
	if p.CatchUp != nil {
		changes.Column = &postgres.TimestampColumn{Column: p.CatchUp.TimestampColumn, Margin: p.CatchUp.Margin}
	}
	return postgres.New(postgres.Config{
		Changes: changes,
		DSN:     pg.DSN.Reveal(), ReadDSN: pg.ReadDSN.Reveal(), Shape: p.Document, LooseKeys: loose,
		MaxConnections: pg.MaxConnections, StatementTimeout: pg.StatementTimeout, LockTimeout: pg.LockTimeout,
		MaxRows: pg.MaxRows, MaxBytes: pg.MaxBytes,
		NotFinite: postgres.NotFinite(p.NotFinite), Memory: pg.Memory,
	})
}
