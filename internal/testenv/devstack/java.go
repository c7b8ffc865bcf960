package devstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// java is one Java installation.
type java struct {
	home    string
	version int // 17, 21 …
}

// findJava picks a Java for a server: JAVA_HOME first, then PATH, then the
// oldest of the others that is new enough, as servers are slower to support a
// new Java than to drop an old one.
func findJava(ctx context.Context, who account, server string, least int) (java, error) {
	var found []java
	seen := map[string]bool{}
	ask := func(home string) (java, bool) {
		if real, err := filepath.EvalSymlinks(home); err == nil {
			home = real
		}
		if seen[home] {
			return java{}, false
		}
		seen[home] = true
		j := probeJava(ctx, home)
		if j.version == 0 || who.canReach(j.home) != nil {
			return java{}, false
		}
		found = append(found, j)
		return j, j.version >= least
	}
	for _, home := range preferredHomes() {
		if j, ok := ask(home); ok {
			return j, nil
		}
	}
	for _, home := range otherHomes() {
		ask(home)
	}
	return pickJava(server, least, found)
}

// pickJava takes the oldest that is new enough.
func pickJava(server string, least int, found []java) (java, error) {
	slices.SortStableFunc(found, func(a, b java) int { return a.version - b.version })
	for _, j := range found {
		if j.version >= least {
			return j, nil
		}
	}
	have := "none was found"
	if len(found) > 0 {
		var list []string
		for _, j := range found {
			list = append(list, fmt.Sprintf("%d in %s", j.version, j.home))
		}
		have = "found only " + strings.Join(list, ", ")
	}
	return java{}, fmt.Errorf("devstack: %s needs Java %d or newer and %s: install a JDK %d (Debian and Ubuntu: apt-get install openjdk-%[2]d-jre-headless; macOS: brew install openjdk@%[2]d) or set JAVA_HOME to one", server, least, have, least)
}

func preferredHomes() []string {
	var homes []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		homes = append(homes, home)
	}
	if path, err := exec.LookPath("java"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(real)))
		}
	}
	return homes
}

// otherHomes are the folders where JDKs are installed beside each other.
func otherHomes() []string {
	patterns := []string{
		"/usr/lib/jvm/*",
		"/usr/java/*",
		"/opt/java/*",
		"/opt/jdk*",
		"/Library/Java/JavaVirtualMachines/*/Contents/Home",
		"/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
		"/usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
	}
	for _, home := range preferredHomes() {
		patterns = append(patterns, filepath.Join(filepath.Dir(home), "*"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		patterns = append(patterns,
			filepath.Join(home, ".sdkman/candidates/java/*"),
			filepath.Join(home, "Library/Java/JavaVirtualMachines/*/Contents/Home"))
	}
	var homes []string
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err == nil { // the only error is a malformed pattern: a strange folder name
			homes = append(homes, found...)
		}
	}
	return homes
}

// probeJava answers the zero java if there is none in home.
func probeJava(ctx context.Context, home string) java {
	bin := filepath.Join(home, "bin", "java")
	if _, err := os.Stat(bin); err != nil {
		return java{}
	}
	out, err := exec.CommandContext(ctx, bin, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return java{}
	}
	j := parseJava(string(out))
	if j.home == "" {
		j.home = home
	}
	return j
}

// parseJava reads what `java -XshowSettings:properties -version` prints: version
// 8 for "1.8.0_292", 17 for "17.0.15", 26 for "26-ea"; 0 if there is none. The
// home differs from where the program was found if that is a wrapper.
func parseJava(out string) java {
	var j java
	if m := regexp.MustCompile(`version "(?:1\.)?(\d+)`).FindStringSubmatch(out); m != nil {
		v, err := strconv.Atoi(m[1])
		if err != nil {
			return java{}
		}
		j.version = v
	}
	if m := regexp.MustCompile(`(?m)^\s*java\.home = (.+?)\s*$`).FindStringSubmatch(out); m != nil {
		j.home = m[1]
	}
	return j
}

// quickCompiler halves the processor time that a server takes to start, at the
// price of slower code once it is warm: on two cores OpenSearch took 12 s of it
// in place of 23 s, Elasticsearch 9 s in place of 15 s.
const quickCompiler = "-XX:TieredStopAtLevel=1"

// javaOptions make a server of the size for tests unless Options.Heap says how
// large it shall be.
func (n *node) javaOptions() []string {
	if heap := n.opts.Heap; heap != "" {
		return []string{"-Xms" + heap, "-Xmx" + heap}
	}
	return []string{"-Xms512m", "-Xmx512m", quickCompiler}
}
