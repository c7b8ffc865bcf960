package demo

import (
	"humpty/internal/testenv/shop"
	"humpty/projector"
)

// Step is one line of the timeline. Counts that make no sense for a step are 0.
type Step struct {
	Name      string  `json:"name"`
	Rows      int64   `json:"rows,omitempty"`      // of all tables
	Documents int64   `json:"documents,omitempty"` //
	Bytes     int64   `json:"bytes,omitempty"`     // of the rows sent, or of the documents' bodies
	Seconds   float64 `json:"seconds"`
}

// Result is all that a demo has measured.
type Result struct {
	Seconds      float64   `json:"seconds"`
	Orders       int       `json:"orders"`
	Seed         uint64    `json:"seed"`
	Shop         shop.Size `json:"shop"`
	Steps        []Step    `json:"steps"`
	WithoutIndex float64   `json:"alias_without_index_seconds"` // from the loss to the first answer after the swap

	Writes          int64 `json:"writes"`           // transactions of the application's
	WritesMeanwhile int64 `json:"writes_meanwhile"` // of these, during the rebuild

	FirstBuild *projector.Record `json:"first_build,omitempty"`
	Rebuild    *projector.Record `json:"rebuild,omitempty"`
	Compared   *shop.Comparison  `json:"compared,omitempty"` // with what SQL says
	Events     int64             `json:"events"`             // of the carriers'
	Replays    []Replay          `json:"replays,omitempty"`
	Kept       *Kept             `json:"kept,omitempty"`
}

// Replay is a read model that events have a part in.
type Replay struct {
	Projection string           `json:"projection"`
	Record     projector.Record `json:"record"`
	Compared   *shop.Comparison `json:"compared,omitempty"` // with what SQL makes of the same events
}

// Kept says where the servers are that were left up.
type Kept struct {
	Postgres      string `json:"postgres"`      // DSN
	Elasticsearch string `json:"elasticsearch"` // URL
	Kafka         string `json:"kafka"`         // host:port
	Config        string `json:"config"`        // path of humpty.yaml
	Data          string `json:"data"`          // folder of the servers' data and logs
}
