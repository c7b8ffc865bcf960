package generation

import "testing"

func TestForeignVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what           string
		version, epoch int64
		foreign        bool
	}{
		{"a new document, unversioned", 1, 0, false},
		{"written a thousand times, unversioned", 1000, 3, false},
		{"loaded", 2 << 40, 2, false},
		{"caught up with", 2<<40 + 70_000, 2, false},
		{"of an older generation", 1<<40 + 5, 2, false},
		{"seconds since 1970", 1_764_460_800, 1, true},
		{"milliseconds since 1970", 1_764_460_800_000, 1, true},
		{"milliseconds, later", 1_764_460_800_000, 2, true},
		{"microseconds since 1970", 1_764_460_800_000_000, 5, true},
		{"of an index that humpty did not make", 3 << 40, 0, true},
	} {
		if got := foreignVersion(c.version, c.epoch); got != c.foreign {
			t.Errorf("%s: %d with epoch %d is foreign: %v", c.what, c.version, c.epoch, got)
		}
	}
}
