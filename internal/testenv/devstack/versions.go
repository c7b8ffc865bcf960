package devstack

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
		f.java = 21
		f.artifact = artifact{
			name:       "elasticsearch-9.1.0",
			coordinate: "org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.1.0:zip",
			file:       "elasticsearch-9.1.0.zip",
			sha256:     "be5c5440bb6344cee4070f8f77a6c3cd72363db494944047cdd93748c4e19111",
		}
	case kindOpenSearch2:
		f = opensearch
		f.java, f.javaMost = 11, 21
		f.artifact = artifact{
			name:       "opensearch-2.19.0",
			coordinate: "org.opensearch.distribution.integ-test-zip:opensearch:2.19.0:zip",
			file:       "opensearch-2.19.0.zip",
			sha256:     "84b8d1a06a31b57993cfe2801cbf01bdbc54fe07b45aee5cb2ba87917a01c751",
		}
	}
	return f
}
