package generation

import (
	"errors"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/sinks"
	"humpty/sources"
)

// A log that retention has shortened since is no measure of what was made from it.
func TestLogsThatLostWhatAGenerationWasMadeFrom(t *testing.T) {
	t.Parallel()
	type at = map[string]string
	log := func(begins string) map[string]sources.LogStart {
		return map[string]sources.LogStart{"events/0": {Begins: "0", Read: "0"}, "events/1": {Begins: sources.Position(begins), Read: sources.Position(begins)}}
	}
	for name, c := range map[string]struct {
		meta   sinks.Meta
		begins string
		want   string // empty: it is compared
	}{
		"from the same":                 {sinks.Meta{Starts: at{"events/0": "0", "events/1": "4"}, Positions: at{"events/1": "9"}}, "4", ""},
		"from less, which was not read": {sinks.Meta{Starts: at{"events/0": "0", "events/1": "4"}}, "0", ""},
		"from more":                     {sinks.Meta{Starts: at{"events/0": "0", "events/1": "4"}, Positions: at{"events/1": "9"}}, "5", "partition events/1 begins at offset 5 now, and orders-1 cannot be compared with what is left: it was made from offset 4 on"},
		"of before, not all is gone":    {sinks.Meta{Positions: at{"events/0": "3", "events/1": "9"}}, "9", ""},
		"of before, and all is gone":    {sinks.Meta{Positions: at{"events/0": "3", "events/1": "9"}}, "10", "it has its events up to offset 9"},
		"a partition that it had not":   {sinks.Meta{Starts: at{"events/0": "0"}, Positions: at{"events/0": "3"}}, "10", ""},
		"of tables":                     {sinks.Meta{}, "10", ""},
	} {
		c.meta.Projection = "orders"
		err := checkStarts(sinks.Generation{Name: "orders-1", Meta: c.meta}, log(c.begins))
		var refusal *problem.Refusal
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) || !strings.HasSuffix(refusal.Remedy, "humpty rebuild orders")):
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := FormatStarts(log("4")); got["events/0"] != "0" || got["events/1"] != "4" || FormatStarts(nil) != nil {
		t.Error(got)
	}
}
