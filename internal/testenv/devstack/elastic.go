package devstack

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// flavour is what differs between the two search servers.
type flavour struct {
	artifact artifact
	title    string
	name     string // of the program, its folder in the archive and its settings file
	javaHome string // environment variables
	javaOpts string
	confPath string
	minJava  int // least version
	maxJava  int // newest version that it runs on; 0: any
	config   []string
	keys     bool // with the plugin that it needs to keep API keys
	export   func(*Addresses, string)
}

// elasticsearch has x-pack, of which only security is asked about: it is on
// unless a line says otherwise, and would then make up passwords.
var elasticsearch = flavour{
	artifact: artifact{
		name:       "elasticsearch-8.19.21",
		coordinate: "org.elasticsearch.distribution.integ-test-zip:elasticsearch:8.19.21:zip",
		file:       "elasticsearch-8.19.21.zip",
		sha256:     "215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a",
	},
	title:    "Elasticsearch",
	name:     "elasticsearch",
	javaHome: "ES_JAVA_HOME",
	javaOpts: "ES_JAVA_OPTS",
	confPath: "ES_PATH_CONF",
	minJava:  17,
	config:   []string{"xpack.security.enabled: false"},
	export:   func(a *Addresses, url string) { a.Elasticsearch = url },
}

// opensearch has all its modules, but no security plugin.
var opensearch = flavour{
	artifact: artifact{
		name:       "opensearch-3.6.0",
		coordinate: "org.opensearch.distribution.integ-test-zip:opensearch:3.6.0:zip",
		file:       "opensearch-3.6.0.zip",
		sha256:     "a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286",
	},
	title:    "OpenSearch",
	name:     "opensearch",
	javaHome: "OPENSEARCH_JAVA_HOME",
	javaOpts: "OPENSEARCH_JAVA_OPTS",
	confPath: "OPENSEARCH_PATH_CONF",
	minJava:  21,
	export:   func(a *Addresses, url string) { a.OpenSearch = url },
}

// search is Elasticsearch or OpenSearch.
type search struct {
	flavour
	home string // the unpacked distribution
	jdk  java
}

func (s *search) find(ctx context.Context, n *node) (string, error) {
	title := s.title + " " + strings.TrimPrefix(s.artifact.name, s.name+"-")
	var err error
	if s.jdk, err = findJava(ctx, n.account, title, s.minJava); err != nil {
		return "", err
	}
	if s.maxJava > 0 && s.jdk.version > s.maxJava {
		return "", fmt.Errorf("devstack: %s does not run on Java %d: set JAVA_HOME to one from %d to %d", title, s.jdk.version, s.minJava, s.maxJava)
	}
	dir, err := s.artifact.fetch(ctx, n.cache, n.fetching)
	if err != nil {
		return "", err
	}
	s.home = filepath.Join(dir, s.artifact.name)
	if s.keys {
		if s.home, err = s.withKeys(ctx, n, s.home); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s on Java %d", title, s.jdk.version), nil
}

func (s *search) prepare(_ context.Context, n *node) error {
	conf := filepath.Join(n.dir, "config")
	for _, dir := range []string{conf, filepath.Join(n.dir, "repo"), filepath.Join(n.dir, "tmp")} {
		if err := n.account.makeFolder(dir); err != nil {
			return err
		}
	}
	for _, name := range []string{"jvm.options", "log4j2.properties"} {
		text, err := os.ReadFile(filepath.Join(s.home, "config", name))
		if err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		if err := n.account.write(filepath.Join(conf, name), withoutFiles(string(text))); err != nil {
			return err
		}
	}
	own := append([]string{
		"cluster.name: humpty-devstack",
		"node.name: " + s.name,
		"discovery.type: single-node",
		"network.host: 127.0.0.1",
		fmt.Sprintf("http.port: %d", n.ports[0]),
		fmt.Sprintf("transport.port: %d", n.ports[1]),
		"path.data: " + filepath.Join(n.dir, "data"),
		"path.logs: " + filepath.Join(n.dir, "logs"),
		"path.repo: " + filepath.Join(n.dir, "repo"),
	}, s.config...)
	if err := n.files(conf); err != nil {
		return err
	}
	lines := replaceSettings(own, n.opts.Config[n.kind])
	return n.account.write(filepath.Join(conf, s.name+".yml"), strings.Join(lines, "\n")+"\n")
}

// withoutFiles drops the Java options that write files beside the program,
// which does not belong to the account.
func withoutFiles(options string) string {
	lines := strings.Split(options, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, "-Xlog:gc") || strings.Contains(l, "-Xloggc") ||
			strings.Contains(l, "-XX:ErrorFile") || strings.Contains(l, "-XX:HeapDumpPath") ||
			strings.Contains(l, "HeapDumpOnOutOfMemoryError")
	}), "\n")
}

// replaceSettings appends lines of the form "key: value"; the servers refuse a
// file that has a key twice, so ours give way.
func replaceSettings(own, lines []string) []string {
	key := func(line string) string {
		k, _, _ := strings.Cut(line, ":")
		return strings.TrimSpace(k)
	}
	own = slices.DeleteFunc(own, func(l string) bool {
		return slices.ContainsFunc(lines, func(o string) bool { return key(o) == key(l) })
	})
	return append(own, lines...)
}

func (s *search) command(n *node) *exec.Cmd {
	upper := strings.ToUpper(s.name) // the folder for temporary files: ES_TMPDIR, OPENSEARCH_TMPDIR
	if s.name == "elasticsearch" {
		upper = "ES"
	}
	return n.cmd([]string{
		s.javaHome + "=" + s.jdk.home,
		s.javaOpts + "=" + strings.Join(n.javaOptions(), " "),
		"CLI_JAVA_OPTS=" + quickCompiler, // for the program that starts Elasticsearch
		s.confPath + "=" + filepath.Join(n.dir, "config"),
		upper + "_TMPDIR=" + filepath.Join(n.dir, "tmp"),
	}, filepath.Join(s.home, "bin", s.name))
}

func (s *search) url(n *node) string {
	scheme := "http"
	if slices.ContainsFunc(n.opts.Config[n.kind], func(l string) bool {
		return strings.Join(strings.Fields(l), "") == "xpack.security.http.ssl.enabled:true"
	}) {
		scheme = "https"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, n.ports[0])
}

func (s *search) ready(ctx context.Context, n *node) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(n)+"/_cluster/health", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a test's own certificate, on loopback
	}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized {
		return nil // security is on: it answers, and more it does not tell us
	}
	var health struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(res.Body).Decode(&health); err != nil {
		return err
	}
	if health.Status != "yellow" && health.Status != "green" {
		return fmt.Errorf("its health is %q (HTTP %d)", health.Status, res.StatusCode)
	}
	return nil
}

func (s *search) traits(n *node) traits {
	return traits{
		stop:    syscall.SIGTERM,
		quit:    syscall.SIGKILL,
		address: s.url(n),
		export:  func(a *Addresses) { s.export(a, s.url(n)) },
	}
}

// Kinds of search servers that only private stacks run: in the versions that the shared
// ones do not have, and an Elasticsearch that can keep API keys, which the build at hand
// cannot by itself; a test names them by their text.
const (
	kindElasticsearchKeys Kind = "elasticsearch-keys"
	kindElasticsearch9    Kind = "elasticsearch-9"
	kindOpenSearch2       Kind = "opensearch-2"
)

// searches reports whether a kind is a search server, of which one runs at a time.
func (k Kind) searches() bool { return k.flavour().name != "" }

// flavour is that of a search server; of other kinds it is empty.
func (k Kind) flavour() flavour {
	f := flavour{}
	switch k {
	case KindElasticsearch:
		return elasticsearch
	case KindOpenSearch:
		return opensearch
	case kindElasticsearchKeys:
		f = elasticsearch
		f.keys = true
	case kindElasticsearch9:
		f = elasticsearch
		f.minJava = 21
		f.artifact = artifact{
			name:       "elasticsearch-9.1.0",
			coordinate: "org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.1.0:zip",
			file:       "elasticsearch-9.1.0.zip",
			sha256:     "be5c5440bb6344cee4070f8f77a6c3cd72363db494944047cdd93748c4e19111",
		}
	case kindOpenSearch2:
		f = opensearch
		f.minJava, f.maxJava = 11, 21
		f.artifact = artifact{
			name:       "opensearch-2.19.0",
			coordinate: "org.opensearch.distribution.integ-test-zip:opensearch:2.19.0:zip",
			file:       "opensearch-2.19.0.zip",
			sha256:     "84b8d1a06a31b57993cfe2801cbf01bdbc54fe07b45aee5cb2ba87917a01c751",
		}
	}
	return f
}
