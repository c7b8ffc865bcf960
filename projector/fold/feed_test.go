package fold

import (
	"maps"
	"testing"

	"humpty/sources"
)

// What a log says of a position beyond its offset is for going on from it; where a fence was
// is what people and consumer groups take for an offset.
func TestFenceOffsetsAreOffsets(t *testing.T) {
	t.Parallel()
	f := &feed{progress: progress{lastFence: map[string]sources.Position{"a/0": "12@3", "a/1": "7"}}}
	if got := f.FenceOffsets(); !maps.Equal(got, map[string]sources.Position{"a/0": "12", "a/1": "7"}) {
		t.Error(got)
	}
	if f.lastFence["a/0"] != "12@3" {
		t.Error("its own position lost the epoch")
	}
}
