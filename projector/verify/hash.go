package verify

import (
	"github.com/zeebo/xxh3"

	"humpty/internal/canonjson"
)

// hasher hashes documents. Each goroutine has its own.
type hasher struct {
	form  *canonjson.Form // nil: byte for byte
	rules rules
}

// invalidJSON marks a body that is no JSON in a canonical comparison: it equals only the same bytes.
const invalidJSON = 0x6e6f206a736f6e

func (h *hasher) document(id, routing, body []byte) (bucket int, hash xxh3.Uint128) {
	if h.rules.SameLength {
		body = make([]byte, len(body))
	}
	if h.form == nil {
		return fingerprint(id, routing, body, 0)
	}
	form, err := h.form.Of(body)
	if err != nil {
		return fingerprint(id, routing, body, invalidJSON)
	}
	return fingerprint(id, routing, form, 0)
}

// sideHashes is a fingerprint of a document on both sides, source first, to tell whether it
// changed; zero where it is not there.
type sideHashes [2]xxh3.Uint128

// hashReading is what a reading would have been noted as, had it been of a pass.
func (h *hasher) hashReading(r *Reading) (s sideHashes) {
	for i, body := range [][]byte{r.Want, r.Have} {
		if body != nil {
			_, s[i] = h.document(r.ID, effectiveRouting(r.ID, r.Routing), body)
		}
	}
	return s
}

// effectiveRouting is the routing if it says anything: a document without one is routed by its id.
func effectiveRouting(id, routing []byte) []byte {
	if string(routing) == string(id) {
		return nil
	}
	return routing
}
