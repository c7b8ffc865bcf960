package transport

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Product is all that differs between the servers.
type Product struct {
	Name         string // as in sinks.Survey
	major, minor int

	PITPath   string // where a point in time is opened and closed
	PITField  string // its id in the answer of opening it
	PITDelete string // the body that closes it, with %s for the JSON of its id
	PITSort   string // the order that is unique within one shard and costs nothing
	Vectors   string // what must be asked for so that _source is complete
}

// span is the oldest and the newest major version that was tried.
type span struct{ from, to int }

// identify tells the products apart: Elasticsearch says its name in a header of each
// answer, OpenSearch does not. Behind a proxy that drops the header the version decides.
func identify(header, version string) (Product, error) {
	majorText, rest, _ := strings.Cut(version, ".")
	minorText, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(majorText)
	if err != nil {
		return Product{}, fmt.Errorf("version %q of the server is not understood", version)
	}
	minor, _ := strconv.Atoi(minorText) // a version without one is its first
	p := Product{
		Name: "elasticsearch", major: major, minor: minor,
		PITPath: "/_pit", PITField: "id", PITDelete: `{"id":%s}`, PITSort: `"_shard_doc"`,
	}
	tried := span{8, 9}
	if header == "" && major < 7 {
		p.Name, tried = "opensearch", span{2, 3}
		p.PITPath, p.PITField, p.PITDelete, p.PITSort = "/_search/point_in_time", "pit_id", `{"pit_id":[%s]}`, `"_doc"`
	} else if major > 9 || major == 9 && minor >= 2 {
		p.Vectors = `"_source":{"exclude_vectors":false},` // left out by default since 9.2
	}
	if major < tried.from {
		return p, fmt.Errorf("%s %s is too old: humpty speaks Elasticsearch 8 and 9, OpenSearch 2 and 3", p.Name, version)
	}
	return p, nil
}

// The header by which Elasticsearch says what it is, and ours where it did not.
const (
	headerProduct = "X-Elastic-Product"
	headerAssumed = "X-Humpty-Vouched"
)

// productHeader answers the client library's question whether this is Elasticsearch: it
// refuses every server without the header, and OpenSearch does not send it. What the
// server is, we ask ourselves.
type productHeader struct{ next http.RoundTripper }

func (p productHeader) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := p.next.RoundTrip(req)
	if err == nil && res.Header.Get(headerProduct) == "" {
		res.Header.Set(headerProduct, "Elasticsearch")
		res.Header.Set(headerAssumed, "true")
	}
	return res, err
}
