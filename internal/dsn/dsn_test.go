package dsn

import "testing"

// TestRedact: what is shown is what the driver understood, or nothing; a part of a
// password never is.
func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"postgres://me:pw@db:5432/shop?sslmode=disable":    "host=db:5432 dbname=shop user=me",
		"postgresql://db/shop?password=pw&user=me":         "host=db:5432 dbname=shop user=me",
		"host=db password=pw dbname=shop user=me":          "host=db:5432 dbname=shop user=me",
		`host=db password = 'p w\' x' dbname=shop user=me`: "host=db:5432 dbname=shop user=me",
		"host=/run/pg dbname=shop user=me":                 "host=/run/pg:5432 dbname=shop user=me",
		"postgres://me:p%zz@db/shop":                       "***",
		"postgres://me:pw@h1:5432,h2:5433/shop":            "host=h1:5432,h2:5433 dbname=shop user=me",
		"postgres://me:hunt/er2@db/shop":                   "***",
		"postgres://me:12/hunter2@db/shop":                 "***",
		"postgres://me:hunt?er2@db/shop":                   "host=db:5432 dbname=shop user=me",
		"host=hunter2@db dbname=shop user=me":              "***",
		"host=db user=me passwort=hunter2":                 "host=db:5432 dbname=me user=me",
		"hunter2":                                          "***",
		"postgres://me:1234#er2@db/shop":                   "host=db:5432 dbname=shop user=me",
		"postgres://me:1234?er2@db/shop":                   "host=db:5432 dbname=shop user=me",
		"postgres://me:1234?er2@db/shop?sslmode=disable":   "host=db:5432 dbname=shop user=me",
		"postgres://me%3Ahunter2@db/shop":                  "***",
		"user=me:hunter2 host=db dbname=shop":              "***",
		"postgres://me:hunter2%40db/shop":                  "***",
		"postgres://me%40azure:pw@db/shop":                 "host=db:5432 dbname=shop user=me@azure",
		"postgres://db/shop?user=me@azure&password=p@ss":   "host=db:5432 dbname=shop user=me@azure",
		"postgres://hunter2:@db/shop":                      "host=db:5432 dbname=shop user=hunter2",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
