package generation

import (
	"maps"
	"testing"
)

// What a log says of a position beyond its offset is for reading on from it; people and
// consumer groups take it for an offset.
func TestOffsetsOfPositions(t *testing.T) {
	t.Parallel()
	was := map[string]string{"a/0": "12@3", "a/1": "7", "a/2": "5@@AAAAAAAAAAAAAAAAAAAAAA", "b": "x"}
	if got := Offsets(was); !maps.Equal(got, map[string]string{"a/0": "12", "a/1": "7", "a/2": "5", "b": "x"}) || was["a/0"] != "12@3" {
		t.Error(got)
	}
	if Offsets(nil) != nil {
		t.Error("nothing became something")
	}
}
