package answer_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"humpty/sinks/elastic/answer"
)

// BenchmarkRead reads the answer to a bulk request.
func BenchmarkRead(b *testing.B) {
	text := []byte(`{"errors":false,"items":[` + strings.TrimSuffix(strings.Repeat(`{"index":{"status":201}},`, 2400), ",") + `]}`)
	var into bytes.Buffer
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	body := bytes.NewReader(text)
	res := &http.Response{Body: io.NopCloser(body)}
	for b.Loop() {
		body.Reset(text)
		if err := answer.Read(&into, res, answer.OfBulk(2400)); err != nil {
			b.Fatal(err)
		}
	}
}
