package devstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// embeddedVersion is the PostgreSQL that is brought where none is installed.
const embeddedVersion = "17.5.0"

// embedded is a build of PostgreSQL for one system and processor.
type embedded struct {
	system  string // in the artifact's name
	archive string // in the artifact
	sha256  string // of the artifact
}

func embeddedFor(goos, goarch string) (embedded, bool) {
	e, ok := map[string]embedded{
		"linux/amd64":  {"linux-amd64", "postgres-linux-x86_64.txz", "646f3269075d1a23904127374e3cdbcef96beb32979fedee25d835877400fcbe"},
		"linux/arm64":  {"linux-arm64v8", "postgres-linux-arm_64.txz", "e02f27ff50ff2d90b6541d54f3f108505aacd84ea53c2890e976a684bfea2752"},
		"darwin/amd64": {"darwin-amd64", "postgres-darwin-x86_64.txz", "fb70f783928e77c3d6ef5ca8ed644f1ac502f740fcfc032a375c8347820f2bdd"},
		"darwin/arm64": {"darwin-arm64v8", "postgres-darwin-arm_64.txz", "e9d3398e10c2ec926395498b03e75ad1a24eeaed82895e756a7e173b202cf6de"},
	}[goos+"/"+goarch]
	return e, ok
}

// fetchPostgres returns the folder of its programs.
func fetchPostgres(ctx context.Context, n *node) (string, error) {
	e, ok := embeddedFor(runtime.GOOS, runtime.GOARCH)
	if !ok {
		return "", fmt.Errorf("devstack: PostgreSQL %d or newer is not installed and there is none to bring for %s/%s: install it so that initdb is on PATH", oldestPostgres, runtime.GOOS, runtime.GOARCH)
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		if _, err := os.Stat(filepath.Join(n.cache, "postgres-"+embeddedVersion)); err != nil {
			return "", fmt.Errorf("devstack: PostgreSQL %d or newer is not installed, nor is Maven (mvn) to bring it: install PostgreSQL (Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17) or Maven", oldestPostgres)
		}
	}
	file := "embedded-postgres-binaries-" + e.system
	a := artifact{
		name:       "postgres-" + embeddedVersion,
		coordinate: "io.zonky.test.postgres:" + file + ":" + embeddedVersion,
		file:       file + "-" + embeddedVersion + ".jar",
		sha256:     e.sha256,
		inner:      e.archive,
	}
	dir, err := a.fetch(ctx, n.cache, n.fetching)
	return filepath.Join(dir, "bin"), err
}

// untar unpacks a .txz, which the standard library cannot read.
func untar(ctx context.Context, file, dir string) error {
	cmd := exec.CommandContext(ctx, "tar", "-xJf", file, "-C", dir, "--no-same-owner")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s: are tar and xz installed? (Debian and Ubuntu: apt-get install tar xz-utils)", err, out)
	}
	return nil
}
