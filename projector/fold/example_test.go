package fold_test

import (
	"fmt"
	"strconv"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// balance is a fold in Go: it adds up what was paid in and out of an account.
type balance struct {
	cents int64
	moves int
}

func (b *balance) Begin(_, document []byte) error {
	*b = balance{}
	if document == nil {
		return nil
	}
	var err error
	b.cents, err = strconv.ParseInt(string(rawjson.Get(document, "cents")), 10, 64)
	if err == nil {
		b.moves, err = strconv.Atoi(string(rawjson.Get(document, "moves")))
	}
	return err
}

func (b *balance) Apply(e *fold.Event) error {
	if e.Deleted {
		*b = balance{}
		return nil
	}
	cents, err := strconv.ParseInt(string(rawjson.Get(e.Value, "cents")), 10, 64)
	if err != nil {
		return &fold.Poison{Reason: "cents is not a whole number"}
	}
	switch e.Type {
	case "PaidIn":
		b.cents += cents
	case "PaidOut":
		b.cents -= cents
	default:
		return fold.ErrFiltered
	}
	b.moves++
	return nil
}

func (b *balance) Append(dst []byte) ([]byte, bool, error) {
	if b.moves == 0 {
		return dst, false, nil
	}
	return fmt.Appendf(dst, `{"cents":%d,"moves":%d}`, b.cents, b.moves), true, nil
}

// A fold in Go, run by hand. A rebuild gets it as
//
//	&fold.Source{Inner: topics, Decoder: &fold.JSON{Type: fold.Locator{Header: "type"}},
//		New: func() (fold.Fold, error) { return &balance{}, nil }}
func Example() {
	var f fold.Fold = &balance{}
	if err := f.Begin([]byte("account-1"), nil); err != nil {
		fmt.Println(err)
	}
	for _, e := range []fold.Event{
		{Type: "PaidIn", Value: []byte(`{"cents": 1000}`)},
		{Type: "PaidOut", Value: []byte(`{"cents": 250}`)},
		{Type: "Opened", Value: []byte(`{"cents": 0}`)},
		{Type: "PaidOut", Value: []byte(`{"cents": "all"}`)},
	} {
		if err := f.Apply(&e); err != nil {
			fmt.Println(e.Type+":", err)
		}
	}
	document, alive, err := f.Append(nil)
	fmt.Println(string(document), alive, err)
	// Output:
	// Opened: fold: the event is left out
	// PaidOut: cents is not a whole number
	// {"cents":750,"moves":2} true <nil>
}
