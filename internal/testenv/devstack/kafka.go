package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	kafkago "github.com/segmentio/kafka-go"
)

// kafkaPOM names Kafka and what its program needs to write a log.
const kafkaPOM = `<project>
<modelVersion>4.0.0</modelVersion>
<groupId>humpty</groupId><artifactId>devstack</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.4.0</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies>
</project>
`

// kafkaSHA256 is of all jars together: see verifyAll.
const kafkaSHA256 = "98b52a7fc606912291aaa0d2a2b8563c1bb4f6a732ad5a4ba94bffc300884b95"

// kafkaPEM is the name in Options.Files of a private key with its certificate, in PEM:
// with it Kafka has a second listener, for TLS and SASL.
const kafkaPEM = "broker.pem"

// kafka is one broker that is its own controller (KRaft), or joins the one that is.
type kafka struct {
	jars  string // folder
	jdk   java
	first *node // nil: this is it
}

func (k *kafka) find(ctx context.Context, n *node) (string, error) {
	const name, title = "kafka-4.4.0", "Kafka 4.4.0"
	var err error
	if k.jdk, err = findJava(ctx, n.account, title, 17); err != nil {
		return "", err
	}
	dir, err := fetchOnce(ctx, n.cache, name, n.fetching, func(tmp string) error {
		pom := filepath.Join(tmp, "pom.xml")
		if err := os.WriteFile(pom, []byte(kafkaPOM), 0o600); err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		lib := filepath.Join(tmp, "lib")
		err := maven(ctx, title, tmp, mavenDependency+"copy-dependencies", "--file="+pom, "-DincludeScope=runtime", "-DoutputDirectory="+lib)
		if err != nil {
			return err
		}
		return verifyAll(lib, kafkaSHA256)
	})
	k.jars = filepath.Join(dir, "lib")
	return fmt.Sprintf("%s on Java %d", title, k.jdk.version), err
}

func (k *kafka) prepare(ctx context.Context, n *node) error {
	if err := n.account.makeFolder(filepath.Join(n.dir, "tmp")); err != nil {
		return err
	}
	listeners := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", n.ports[0])
	var conf []string
	if pem := n.opts.Files[n.kind][kafkaPEM]; pem != "" {
		listeners += fmt.Sprintf(",SASL_SSL://127.0.0.1:%d", n.ports[2])
		conf = append(conf, "ssl.keystore.type=PEM", "ssl.keystore.location="+filepath.Join(n.dir, kafkaPEM))
	}
	conf = append(conf,
		"advertised.listeners="+listeners,
		"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
		"controller.listener.names=CONTROLLER")
	if k.first == nil {
		conf = append(conf, "process.roles=broker,controller", "node.id=1",
			fmt.Sprintf("controller.quorum.voters=1@127.0.0.1:%d", n.ports[1]),
			fmt.Sprintf("listeners=%s,CONTROLLER://127.0.0.1:%d", listeners, n.ports[1]))
	} else {
		conf = append(conf, "process.roles=broker", "node.id=2",
			fmt.Sprintf("controller.quorum.voters=1@127.0.0.1:%d", k.first.ports[1]),
			"listeners="+listeners)
	}
	conf = append(conf,
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs="+filepath.Join(n.dir, "data"),
		// tests write events of any time; every five minutes the default would delete them
		"log.retention.ms=-1",
		// a test that misspells a topic must see that
		"auto.create.topics.enable=false",
		// there is one broker, and a test waits for each partition of these
		"offsets.topic.replication.factor=1",
		"offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
		"group.initial.rebalance.delay.ms=0")
	conf = append(conf, n.opts.Config[n.kind]...)
	if err := n.files(n.dir); err != nil {
		return err
	}
	if err := n.account.write(k.properties(n), strings.Join(conf, "\n")+"\n"); err != nil {
		return err
	}
	// both brokers of a stack are of one cluster, and every stack has a folder of its own
	id := sha256.Sum256([]byte(filepath.Dir(n.dir)))
	id[0] &= 0x7f // a leading '-' would be taken for an option
	return n.run(ctx, k.java(n, "kafka.tools.StorageTool", "format",
		"--cluster-id", base64.RawURLEncoding.EncodeToString(id[:16]), "--config", k.properties(n)))
}

func (k *kafka) properties(n *node) string { return filepath.Join(n.dir, "server.properties") }

func (k *kafka) java(n *node, args ...string) *exec.Cmd {
	options := append(n.javaOptions(),
		"-Djava.io.tmpdir="+filepath.Join(n.dir, "tmp"),
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-cp", filepath.Join(k.jars, "*"))
	return n.cmd(nil, filepath.Join(k.jdk.home, "bin", "java"), append(options, args...)...)
}

func (k *kafka) command(n *node) *exec.Cmd {
	return k.java(n, "kafka.Kafka", k.properties(n))
}

func (k *kafka) broker(n *node) string { return fmt.Sprintf("127.0.0.1:%d", n.ports[0]) }

// ready asks for the metadata of the cluster.
func (k *kafka) ready(ctx context.Context, n *node) error {
	conn, err := kafkago.DialContext(ctx, "tcp", k.broker(n))
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing to lose
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	brokers, err := conn.Brokers()
	if err == nil && len(brokers) == 0 {
		err = errors.New("its metadata has no broker yet")
	}
	return err
}

func (k *kafka) traits(n *node) traits {
	return traits{
		stop:    syscall.SIGTERM,
		quit:    syscall.SIGKILL,
		address: k.broker(n),
		export: func(a *Addresses) {
			a.Kafka = append(a.Kafka, k.broker(n))
			if n.opts.Files[n.kind][kafkaPEM] != "" {
				a.SecureKafka = append(a.SecureKafka, fmt.Sprintf("127.0.0.1:%d", n.ports[2]))
			}
		},
	}
}
