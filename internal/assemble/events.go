package assemble

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/fold/script"
	"humpty/sources/kafka"
)

// foldedSource folds the events of topics.
func foldedSource(c *config.Config, e *config.Events) (*fold.Source, error) {
	s := c.Source(e.Source)
	k := s.Kafka
	secured, err := tlsOf(k.TLS)
	if err != nil {
		var l problem.List
		l.Add(s.Place, "give PEM files that exist, relative to the configuration", "tls of source %s: %v", s.Name, err)
		return nil, l
	}
	cfg := kafka.Config{
		Brokers: k.Brokers, TLS: secured, RequireTLS: k.Encrypt, Fetch: int(k.Fetch), Readers: k.Readers, RetryTime: k.Patience,
		SASL: kafka.SASL{Mechanism: k.SASL.Mechanism, User: k.SASL.Username, Password: k.SASL.Password.Reveal()},
	}
	for _, topic := range e.Topics {
		cfg.Topics = append(cfg.Topics, kafka.Topic{Name: topic, Since: e.Since, Offsets: e.Starts[topic], Group: e.Group, History: historyOf(e), Place: e.Place})
	}
	inner, err := kafka.New(cfg)
	if err != nil {
		return nil, err
	}
	if k.Spill != "" {
		if err := os.MkdirAll(k.Spill, 0o700); err != nil {
			return nil, fmt.Errorf("the spill folder of source %s: %w", s.Name, err)
		}
	}
	out := &fold.Source{Inner: inner, Memory: k.Memory, Dir: k.Spill, Newest: e.Fold == "latest"}
	out.Decoder, out.New, err = Fold(e)
	return out, err
}

// historyOf is how much of its topics' past a document needs.
func historyOf(e *config.Events) kafka.History {
	switch {
	case e.Truncated:
		return kafka.Truncated
	case e.Fold == "latest":
		return kafka.Newest
	}
	return kafka.Complete
}

// Fold makes what reads events and what folds them.
func Fold(e *config.Events) (d fold.Decoder, makeFold func() (fold.Fold, error), err error) {
	if d, err = decoderOfEvents(e); err == nil {
		makeFold, err = foldOfEvents(e)
	}
	return d, makeFold, err
}

func decoderOfEvents(e *config.Events) (fold.Decoder, error) {
	key, err := decode.ParseLocator(e.Key)
	if err != nil {
		return nil, err
	}
	if e.Debezium {
		return &decode.Debezium{Key: key}, nil
	}
	kind, err := decode.ParseLocator(e.Type)
	if err != nil {
		return nil, err
	}
	d := &decode.JSON{Key: key, Type: kind}
	if e.Payload != "" {
		d.Payload = strings.Split(e.Payload, ".")
	}
	return d, nil
}

func foldOfEvents(e *config.Events) (func() (fold.Fold, error), error) {
	switch e.Fold {
	case "merge":
		return handlers.NewMerge, nil
	case "handlers":
		h, err := handlers.Read(e.Handlers)
		if err != nil {
			return nil, err
		}
		return h.New()
	case "script":
		return script.New(e.File, e.Script, script.Limits{})
	}
	return handlers.NewLatest, nil
}

func tlsOf(t *config.TLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	out := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(t.CA + " has no certificate in PEM")
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, err
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
