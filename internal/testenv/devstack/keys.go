package devstack

import (
	"archive/zip"
	"context"
	_ "embed"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// keysSource is a plugin with which an Elasticsearch of ours can keep API keys.
//
//go:embed keys/Keys.java
var keysSource string

// withKeys makes a distribution in the cache that is home with that plugin, compiled
// against home's own libraries; it returns its home.
func (s *search) withKeys(ctx context.Context, n *node, home string) (string, error) {
	compiler, err := findCompiler(s.title, s.jdk)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-keys-%08x", s.artifact.name, crc32.ChecksumIEEE([]byte(keysSource)))
	return fetchOnce(ctx, n.cache, name, n.fetching, func(tmp string) error {
		if err := linkTree(home, tmp); err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		plugin, classes := filepath.Join(tmp, "plugins", "keys"), filepath.Join(tmp, "plugins", "classes")
		if err := os.MkdirAll(plugin, 0o755); err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		source := filepath.Join(tmp, "Keys.java")
		if err := os.WriteFile(source, []byte(keysSource), 0o644); err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		cmd := exec.CommandContext(ctx, compiler, "--release", strconv.Itoa(s.minJava), "-nowarn", "-cp", filepath.Join(tmp, "lib", "*"), "-d", classes, source)
		cmd.WaitDelay = 5 * time.Second // for children that keep the output open
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("devstack: compile the plugin for API keys with %s: %w:\n%s", compiler, err, out)
		}
		if err := zipTree(classes, filepath.Join(plugin, "keys.jar")); err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		if err := os.RemoveAll(classes); err != nil { // the server takes every folder there for a plugin
			return fmt.Errorf("devstack: %w", err)
		}
		descriptor := fmt.Sprintf("description=lets a test's server keep API keys\nversion=1\nname=keys\nclassname=Keys\njava.version=%d\nelasticsearch.version=%s\n",
			s.minJava, strings.TrimPrefix(s.artifact.name, s.name+"-"))
		return os.WriteFile(filepath.Join(plugin, "plugin-descriptor.properties"), []byte(descriptor), 0o644)
	})
}

// findCompiler takes the compiler of the Java that the server runs on, or the one on PATH.
func findCompiler(server string, jdk java) (string, error) {
	beside := filepath.Join(jdk.home, "bin", "javac")
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	if path, err := exec.LookPath("javac"); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("devstack: %s with API keys needs a Java compiler, and there is no javac in %s or on PATH: install a whole JDK (Debian and Ubuntu: apt-get install openjdk-%d-jdk-headless; macOS: brew install openjdk@%[3]d)",
		server, jdk.home, jdk.version)
}

// linkTree makes a tree of the same files, which both have to leave as they are.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, inside), 0o755)
		}
		return os.Link(path, filepath.Join(to, inside))
	})
}

// zipTree packs the files of a folder.
func zipTree(dir, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := zip.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
