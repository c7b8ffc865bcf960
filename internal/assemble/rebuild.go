package assemble

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"humpty/internal/config"
	"humpty/projector"
	"humpty/projector/generation"
	"humpty/sinks"
)

// Owner says who this is, for the lease, with a new run's id.
func Owner(verb string) sinks.Owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return sinks.Owner{
		Run:  time.Now().UTC().Format("20060102t150405") + "-" + strings.ToLower(rand.Text()[:6]),
		Host: host, PID: os.Getpid(), Verb: verb,
		User: cmp.Or(os.Getenv("USER"), os.Getenv("LOGNAME"), fmt.Sprintf("uid %d", os.Getuid())),
	}
}

// Admin opens what changes an alias outside a rebuild.
func Admin(ctx context.Context, c *config.Config, p config.Projection, verb string) (*generation.Admin, error) {
	target, err := Target(ctx, c, p, nil)
	if err != nil {
		return nil, err
	}
	def := Definition(p)
	return &generation.Admin{Projection: def.Name, Alias: def.Alias, Keep: def.Keep, Feed: def.Feed, Target: target, Owner: Owner(verb), Live: p.Live, MaxShrink: def.Limits.MaxShrink}, nil
}

// Rebuild opens what a run of one projection needs, for a verb; it does not read yet.
func Rebuild(ctx context.Context, c *config.Config, p config.Projection, verb string, waiting func(string)) (*projector.Rebuild, error) {
	source, err := Source(c, p)
	if err != nil {
		return nil, err
	}
	target, err := Target(ctx, c, p, waiting)
	if err != nil {
		return nil, err
	}
	r := &projector.Rebuild{Projection: Definition(p), Source: source, Target: target, Owner: Owner(verb), MaxOutage: p.Limits.MaxOutage}
	if r.MaxOutage == 0 {
		r.MaxOutage = -1
	}
	return r, nil
}
