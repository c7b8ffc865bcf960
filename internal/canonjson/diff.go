package canonjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Change is one field in which two documents differ.
type Change struct {
	Path string `json:"path"`           // lines[2].price; empty: the whole document
	Want string `json:"want,omitempty"` // JSON, cut around the first difference; empty: not there
	Have string `json:"have,omitempty"`
}

// String is the change on one line.
func (c Change) String() string {
	return fmt.Sprintf("%s: want %s, have %s", cmp.Or(c.Path, "document"), cmp.Or(c.Want, "nothing"), cmp.Or(c.Have, "nothing"))
}

// Diff lists the fields in which have differs from want, at most `most`, in the order of
// their paths. It is for people: both documents are decoded.
func Diff(want, have []byte, ignore *Paths, most int) []Change {
	d := differ{most: most}
	w, errWant := d.decode(want, ignore)
	h, errHave := d.decode(have, ignore)
	if errWant != nil || errHave != nil {
		d.leaf("", want, have)
		return d.changes
	}
	d.compare("", w, h)
	return d.changes
}

type differ struct {
	most    int
	form    Form
	changes []Change
}

// absent is a value that is not there, as opposed to null.
type absent struct{}

func (d *differ) decode(text []byte, ignore *Paths) (any, error) {
	d.form.Ignore = ignore
	form, err := d.form.Of(text)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(form))
	decoder.UseNumber()
	var v any
	return v, decoder.Decode(&v)
}

func (d *differ) compare(path string, want, have any) {
	if len(d.changes) >= d.most {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		if h, ok := have.(map[string]any); ok {
			d.objects(path, w, h)
			return
		}
	case []any:
		if h, ok := have.([]any); ok {
			d.arrays(path, w, h)
			return
		}
	}
	d.leaf(path, encode(want), encode(have))
}

func (d *differ) objects(path string, want, have map[string]any) {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(have))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		below := key
		if path != "" {
			below = path + "." + key
		}
		d.compare(below, field(want, key), field(have, key))
	}
}

func field(object map[string]any, key string) any {
	if v, ok := object[key]; ok {
		return v
	}
	return absent{}
}

func (d *differ) arrays(path string, want, have []any) {
	for i := range max(len(want), len(have)) {
		w, h := any(absent{}), any(absent{})
		if i < len(want) {
			w = want[i]
		}
		if i < len(have) {
			h = have[i]
		}
		d.compare(fmt.Sprintf("%s[%d]", path, i), w, h)
	}
}

// leaf notes the change, unless there is none.
func (d *differ) leaf(path string, want, have []byte) {
	if bytes.Equal(want, have) || len(d.changes) >= d.most {
		return
	}
	at := 0
	for at < min(len(want), len(have)) && want[at] == have[at] {
		at++
	}
	d.changes = append(d.changes, Change{Path: path, Want: clip(want, at), Have: clip(have, at)})
}

func encode(v any) []byte {
	if _, none := v.(absent); none {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

// clip cuts a text around the byte at.
func clip(text []byte, at int) string {
	const before, behind = 30, 50
	from, to := max(at-before, 0), min(at+behind, len(text))
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	cut := strings.ToValidUTF8(string(text[from:to]), "�")
	if from > 0 {
		cut = "…" + cut
	}
	if to < len(text) {
		cut += "…"
	}
	return cut
}
