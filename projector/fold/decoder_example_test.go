package fold_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"humpty/projector/fold"
	"humpty/sources"
)

// registered decodes values as producers with a schema registry write them: a zero, the
// number of the schema that it was written with, and what only that schema can read. The
// key of the message is the document's; the schema's name is the event's type.
type registered struct {
	schemas map[uint32]schema // of a real registry: asked for over HTTP, once each
}

// schema stands for Avro's or Protobuf's: names of fields, each value a byte.
type schema struct {
	name   string
	fields []string
}

// Decode makes one JSON value of what the schema says. Bytes that it cannot read are the
// event's fault, so they become a dead letter; a registry that is away is not, and ends
// the run, which can be started again.
func (r *registered) Decode(record *sources.Record, d *fold.Decoded) error {
	if d.Key = record.Key; record.Deleted {
		d.Deleted = true
		return nil
	}
	if len(record.Value) < 5 || record.Value[0] != 0 {
		return &fold.Poison{Reason: "not written with a schema registry"}
	}
	number, body := binary.BigEndian.Uint32(record.Value[1:]), record.Value[5:]
	s, known := r.schemas[number]
	if !known {
		return errors.New("schema " + fmt.Sprint(number) + ": the registry does not answer")
	}
	if len(body) != len(s.fields) {
		return &fold.Poison{Reason: fmt.Sprintf("%d bytes, and schema %d has %d fields", len(body), number, len(s.fields))}
	}
	d.Type = []byte(s.name)
	d.Value = append(d.Value[:0], '{')
	for i, name := range s.fields {
		if i > 0 {
			d.Value = append(d.Value, ',')
		}
		d.Value = fmt.Appendf(d.Value, "%q:%d", name, body[i])
	}
	d.Value = append(d.Value, '}')
	return nil
}

// A decoder for another form than JSON. Nothing else needs to know of it: folds get JSON.
//
//	&fold.Source{Inner: topics, Decoder: &registered{…}, New: fold.NewMerge}
func ExampleDecoder() {
	var decoder fold.Decoder = &registered{map[uint32]schema{7: {"Moved", []string{"from", "to"}}}}
	for _, value := range [][]byte{{0, 0, 0, 0, 7, 3, 4}, {0, 0, 0, 0, 7, 3}, []byte(`{"from":3}`), {0, 0, 0, 0, 8, 1}} {
		var d fold.Decoded
		var poison *fold.Poison
		switch err := decoder.Decode(&sources.Record{Key: []byte("p1"), Value: value}, &d); {
		case errors.As(err, &poison):
			fmt.Println("dead letter:", err)
		case err != nil:
			fmt.Println("the run ends:", err)
		default:
			fmt.Printf("%s %s %s\n", d.Key, d.Type, d.Value)
		}
	}
	// Output:
	// p1 Moved {"from":3,"to":4}
	// dead letter: 1 bytes, and schema 7 has 2 fields
	// dead letter: not written with a schema registry
	// the run ends: schema 8: the registry does not answer
}
