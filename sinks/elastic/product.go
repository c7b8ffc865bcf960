package elastic

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// product is all that differs between the servers.
type product struct {
	name         string // as in sinks.Survey
	major, minor int

	pitPath   string // where a point in time is opened and closed
	pitField  string // its id in the answer of opening it
	pitDelete string // the body that closes it, with %s for the JSON of its id
	pitSort   string // the order that is unique within one shard and costs nothing
	vectors   string // what must be asked for so that _source is complete
}

// oldest and newest major version that was tried.
type span struct{ from, to int }

// identify tells the products apart: Elasticsearch says its name in a header of each
// answer, OpenSearch does not. Behind a proxy that drops the header the version decides.
func identify(header, version string) (product, error) {
	majorText, rest, _ := strings.Cut(version, ".")
	minorText, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(majorText)
	if err != nil {
		return product{}, fmt.Errorf("version %q of the server is not understood", version)
	}
	minor, _ := strconv.Atoi(minorText) // a version without one is its first
	p := product{
		name: "elasticsearch", major: major, minor: minor,
		pitPath: "/_pit", pitField: "id", pitDelete: `{"id":%s}`, pitSort: `"_shard_doc"`,
	}
	tried := span{8, 9}
	if header == "" && major < 7 {
		p.name, tried = "opensearch", span{2, 3}
		p.pitPath, p.pitField, p.pitDelete, p.pitSort = "/_search/point_in_time", "pit_id", `{"pit_id":[%s]}`, `"_doc"`
	} else if major > 9 || major == 9 && minor >= 2 {
		p.vectors = `"_source":{"exclude_vectors":false},` // left out by default since 9.2
	}
	if major < tried.from {
		return p, fmt.Errorf("%s %s is too old: humpty speaks Elasticsearch 8 and 9, OpenSearch 2 and 3", p.name, version)
	}
	return p, nil
}

// The header by which Elasticsearch says what it is, and ours where it did not.
const (
	productHeader = "X-Elastic-Product"
	vouchedHeader = "X-Humpty-Vouched"
)

// vouching answers the client library's question whether this is Elasticsearch: it
// refuses every server without the header, and OpenSearch does not send it. What the
// server is, we ask ourselves.
type vouching struct{ next http.RoundTripper }

func (v vouching) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := v.next.RoundTrip(req)
	if err == nil && res.Header.Get(productHeader) == "" {
		res.Header.Set(productHeader, "Elasticsearch")
		res.Header.Set(vouchedHeader, "true")
	}
	return res, err
}
