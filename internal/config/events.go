package config

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/fold/script"
)

// Events says how the events of topics become documents, or what is included in them.
type Events struct {
	Place     string            `json:"-"` // of from
	Source    string            // of all the topics
	Topics    []string          // events of the same time: in this order
	Since     time.Time         `json:",omitzero"`
	Starts    map[string]Starts `json:",omitempty"` // by topic
	Truncated bool              `json:"-"`          // what is left of the topics is accepted
	Group     string            `json:"-"`          // a consumer group: its offsets are the fence; how far is read makes no other documents
	Key       string            // as fold.ParseLocator takes it
	Type      string            `json:",omitempty"` // likewise; empty: none
	Payload   string            `json:",omitempty"` // path; empty: all of the value
	Debezium  bool              `json:",omitempty"`
	Fold      string            // latest | merge | handlers | script
	Handlers  json.RawMessage   `json:",omitempty"` // as fold.ReadHandlers takes them
	Script    string            `json:",omitempty"` // the module's text
	File      string            `json:"-"`          // its name
}

// Starts are the offsets at which partitions of a topic are begun with.
type Starts map[int32]int64

// eventsDecoder reads what is said of topics: where their events are, and how they are folded.
type eventsDecoder struct{ *input }

// events reads what is said beside a topic.
func (d eventsDecoder) events(n *node) *Events {
	e := &Events{Place: n.get("from").at(), Key: n.get("key").string(), Type: n.get("type").string(), Payload: n.get("payload").string(), Debezium: n.get("debezium").bool()}
	e.Source, e.Topics = d.topics(n.get("from"))
	for _, name := range []string{"key", "type", "payload"} {
		if _, err := decode.ParseLocator(n.get(name).string()); err != nil {
			d.problems.Add(n.get(name).at(), "write key, header:NAME, or a path like order.id", "%s: %v", name, err)
		}
	}
	e.Group, e.Truncated = n.get("fence", "group").string(), n.get("accept_truncated").bool()
	d.starts(n.get("since"), e)
	if s := n.get("since").string(); s != "" {
		var err error
		if e.Since, err = time.Parse(time.RFC3339, s); err != nil {
			d.problems.Add(n.get("since").at(), "write 2026-01-31T00:00:00Z", "since is no time: %q", s)
		}
	}
	if e.Debezium {
		d.exclusive(n, "debezium", "payload")
		d.exclusive(n, "debezium", "type")
	}
	d.fold(n, e)
	return e
}

// starts reads {TOPIC/PARTITION: OFFSET}.
func (d eventsDecoder) starts(n *node, e *Events) {
	for _, f := range n.mapped() {
		slash := strings.LastIndexByte(f.key, '/')
		topic := f.key[:max(slash, 0)]
		partition, err := strconv.ParseInt(f.key[slash+1:], 10, 32)
		switch {
		case slash < 0 || err != nil || partition < 0:
			d.problems.Add(f.place, "write TOPIC/PARTITION: OFFSET, like parcels/0: 1200", "%q names no partition of a topic", f.key)
			continue
		case !slices.Contains(e.Topics, topic):
			d.problems.Add(f.place, didYouMean(topic, e.Topics), "topic %s is not one that the document is made of", topic)
			continue
		case e.Starts == nil:
			e.Starts = map[string]Starts{}
		}
		if e.Starts[topic] == nil {
			e.Starts[topic] = Starts{}
		}
		e.Starts[topic][int32(partition)] = f.value.int()
	}
}

// fold reads which fold it is, and compiles it: what is wrong in it is told here.
func (d eventsDecoder) fold(n *node, e *Events) {
	d.exclusive(n, "fold", "handlers", "script")
	e.Fold = "latest"
	switch {
	case n.field("handlers") != nil:
		e.Fold = "handlers"
		d.handlers(n.get("handlers"), e)
	case n.field("script") != nil:
		e.Fold = "script"
		d.script(n.get("script"), e)
	case n.get("fold").string() != "":
		e.Fold = n.get("fold").string()
		return
	default:
		return
	}
	if e.Type == "" && !e.Debezium {
		d.problems.Add(n.at(), "add type: header:NAME, or a path like type", "%s work by the type of events, and it is not said where that is", e.Fold)
	}
}

func (d eventsDecoder) handlers(n *node, e *Events) {
	if n.reported {
		return
	}
	at := n.at()
	if n.kind == mapping {
		e.Handlers = inline(n)
	} else {
		at = d.path(n)
		text, err := readFile(at)
		if err != nil {
			d.problems.Add(n.at(), "create it, or correct the path: it is relative to "+d.file, "cannot read the handlers %s: %v", at, plainCause(err))
			return
		}
		e.Handlers = text
	}
	h, err := handlers.Read(e.Handlers)
	if err == nil {
		_, err = h.New()
	}
	if err != nil {
		d.problems.Add(at, `steps by type: {OrderPlaced: [{set: status, value: placed}], …}; humpty help project shows the verbs`, "%v", err)
	}
}

func (d eventsDecoder) script(n *node, e *Events) {
	path := d.path(n)
	if path == "" {
		return
	}
	text, err := readFile(path)
	if err != nil {
		d.problems.Add(n.at(), "create it, or correct the path: it is relative to "+d.file, "cannot read the script %s: %v", path, plainCause(err))
		return
	}
	e.Script, e.File = string(text), filepath.Base(path)
	if _, err := script.New(e.File, e.Script, script.Limits{}); err != nil {
		d.problems.Add(n.at(), "try it on a few events: humpty project --from EVENTS.ndjson --fold "+path, "%v", err)
	}
}

// topics reads SOURCE.TOPIC, or a list of topics of one source.
func (d eventsDecoder) topics(n *node) (source string, topics []string) {
	items := n.list()
	if n.string() != "" {
		items = []*node{n}
	}
	seen := map[string]bool{}
	for _, item := range items {
		if item.string() == "" {
			continue
		}
		in, topic, _ := strings.Cut(item.string(), ".")
		switch {
		case source == "":
			source = in
		case in != source:
			d.problems.Add(item.at(), "take all topics of one document from one cluster", "%s is not of source %s, as those before it", item.string(), source)
			continue
		}
		switch {
		case topic == "":
			d.problems.Add(item.at(), "write "+source+".TOPIC", "%q does not name its topic", item.string())
		case seen[topic]:
			d.problems.Add(item.at(), "name it once", "topic %s is named twice", topic)
		default:
			seen[topic] = true
			topics = append(topics, topic)
		}
	}
	return source, topics
}
