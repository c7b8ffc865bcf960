package read

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"humpty/sources/postgres/pgjson"
)

// builtins says of every type that it is a plain one.
type builtins struct{}

func (builtins) Rows(_ context.Context, _ string, args ...string) (rows [][]string, err error) {
	for oid := range strings.SplitSeq(strings.Trim(args[0], "{}"), ",") {
		rows = append(rows, []string{oid, "t" + oid, "b", "0", "0", "0", ""})
	}
	return rows, nil
}

// encoderOf is the encoder of a built-in type.
func encoderOf(tb testing.TB, oid uint32) pgjson.Encoder {
	tb.Helper()
	ts := pgjson.NewTypes(false)
	if err := ts.Load(tb.Context(), builtins{}, []uint32{oid}); err != nil {
		tb.Fatal(err)
	}
	e := ts.Encoder(oid)
	if e == nil {
		tb.Fatal("no encoder of type " + strconv.Itoa(int(oid)))
	}
	return e
}
