package jsonbytes

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzAppendEscaped holds the escapes against encoding/json.
func FuzzAppendEscaped(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\n\u2028🥚")
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		quoted := append(AppendEscaped([]byte{'"'}, []byte(text)), '"')
		if err := json.Unmarshal(quoted, &got); err != nil {
			t.Fatalf("%q becomes %s: %v", text, quoted, err)
		}
		if utf8.ValidString(text) && got != text {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}
